package activeproxy

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
)

// PortRange is where mapped ports come from; the zero value means any free port.
type PortRange struct{ First, Last int }

var errNoPort = errors.New("no free port")

// portMemory is for how long a device finds its port again.
const portMemory = 5 * time.Minute

// ports gives out mapped ports.
type ports struct {
	from   PortRange
	host   string // to listen on
	listen func(ctx context.Context, address string) (net.Listener, error)

	mu   sync.Mutex
	kept map[boson.ID]keptPort // of devices that are offline
}

type keptPort struct {
	port  int
	until time.Time
}

// mapping is one mapped port. It outlives the sessions of its device that replace
// each other.
type mapping struct {
	net.Listener
	port  int
	owner atomic.Pointer[serverSession]
}

// open listens for device: on the port that it had, else on one that nobody is
// expected back on, else on any.
func (p *ports) open(ctx context.Context, device boson.ID) (*mapping, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(time.Now())
	if kept, ok := p.kept[device]; ok {
		delete(p.kept, device)
		if m := p.try(ctx, kept.port); m != nil {
			return m, nil
		}
	}
	if p.from == (PortRange{}) {
		if m := p.try(ctx, 0); m != nil {
			return m, nil
		}
		return nil, errNoPort
	}
	expected := map[int]bool{}
	for _, k := range p.kept {
		expected[k.port] = true
	}
	n := p.from.Last - p.from.First + 1
	start := rand.IntN(n)
	for _, second := range []bool{false, true} {
		for i := range n {
			port := p.from.First + (start+i)%n
			if expected[port] != second {
				continue
			}
			if m := p.try(ctx, port); m != nil {
				return m, nil
			}
		}
	}
	return nil, errNoPort
}

func (p *ports) try(ctx context.Context, port int) *mapping {
	l, err := p.listen(ctx, net.JoinHostPort(p.host, strconv.Itoa(port)))
	if err != nil {
		return nil
	}
	if t, ok := l.Addr().(*net.TCPAddr); ok {
		port = t.Port
	}
	return &mapping{Listener: l, port: port}
}

// close gives the port back and keeps it for device a while.
func (p *ports) close(m *mapping, device boson.ID) {
	m.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.forget(now)
	p.kept[device] = keptPort{m.port, now.Add(portMemory)}
}

// forget drops what is over.
func (p *ports) forget(now time.Time) {
	for device, k := range p.kept {
		if now.After(k.until) {
			delete(p.kept, device)
		}
	}
}
