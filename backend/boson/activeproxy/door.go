package activeproxy

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// door holds the connections that have not said who they are. Where there are too
// many, of one address or in all, the oldest goes: an honest device needs a moment
// only, so a crowd that just stands there never locks it out.
type door struct {
	perIP, total int

	mu      sync.Mutex
	closed  bool
	all     *list.List // of *guest, oldest first
	byPlace map[netip.Prefix]*list.List
}

type guest struct {
	conn        net.Conn
	place       netip.Prefix
	inAll, here *list.Element
}

func newDoor(perIP, total int) *door {
	return &door{perIP: perIP, total: total, all: list.New(), byPlace: map[netip.Prefix]*list.List{}}
}

func (d *door) enter(conn net.Conn) *guest {
	g := &guest{conn: conn, place: place(conn.RemoteAddr())}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		conn.Close()
	}
	if here := d.byPlace[g.place]; here != nil && here.Len() >= d.perIP {
		d.remove(here.Front().Value.(*guest)).Close()
	}
	if d.all.Len() >= d.total {
		d.remove(d.all.Front().Value.(*guest)).Close()
	}
	here := d.byPlace[g.place] // perhaps removed just now
	if here == nil {
		here = list.New()
		d.byPlace[g.place] = here
	}
	g.inAll, g.here = d.all.PushBack(g), here.PushBack(g)
	return g
}

// shut sends everybody away who is here or comes later.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for e := d.all.Front(); e != nil; e = e.Next() {
		e.Value.(*guest).conn.Close()
	}
}

// leave is for guests that close and for those that become known.
func (d *door) leave(g *guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(g)
}

func (d *door) remove(g *guest) net.Conn {
	if g.inAll == nil {
		return g.conn
	}
	d.all.Remove(g.inAll)
	here := d.byPlace[g.place]
	here.Remove(g.here)
	if here.Len() == 0 {
		delete(d.byPlace, g.place)
	}
	g.inAll, g.here = nil, nil
	return g.conn
}

// place is what counts as one address: a whole /64 in IPv6, where a home has that
// many.
func place(a net.Addr) netip.Prefix {
	ap := addrPort(a)
	ip := ap.Addr().Unmap().WithZone("")
	if !ip.IsValid() {
		return netip.Prefix{}
	}
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits)
	return p
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort()
	case nil:
		return netip.AddrPort{}
	default:
		ap, _ := netip.ParseAddrPort(a.String())
		return ap
	}
}
