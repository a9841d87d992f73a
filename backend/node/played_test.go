//go:build linux

package node

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"pc2/backend/boson"
	"pc2/backend/preface"
)

// played is a super node of the test's own, written down from the protocol and not
// from our relay. It has all keys that a super node has, chooses its challenges,
// and keeps every byte that a node gives it.
type played struct {
	t          *testing.T
	key        boson.Key
	relay      net.Listener
	gateway    *httptest.Server
	challenges [][]byte

	mu     sync.Mutex
	turn   int
	now    boson.BoxPublic // the session that there is, by the node's key of it
	said   [][]byte        // what the node said to the relay, opened as far as its keys open it
	signed []signed        // in answer to challenges
	claims [][]byte
	others []string // requests to the gateway that are no claims
	guests chan *seat
	open   []net.Conn
	wg     sync.WaitGroup
}

// signed is what a device made of a challenge.
type signed struct {
	device, user         boson.ID
	challenge, signature []byte
}

// seat is the first connection of a session, idle.
type seat struct {
	conn    net.Conn
	session boson.Box
	context *boson.Context
}

func play(t *testing.T, key boson.Key, challenges [][]byte) *played {
	t.Helper()
	l, err := net.Listen("tcp", superHost+":0")
	if err != nil {
		t.Fatal(err)
	}
	p := &played{t: t, key: key, relay: l, challenges: challenges, guests: make(chan *seat, 1000)}
	p.gateway = httptest.NewServer(http.HandlerFunc(p.register))
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.open = append(p.open, c)
			p.mu.Unlock()
			p.wg.Go(func() {
				if err := p.greet(c); err != nil {
					c.Close()
				}
			})
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *played) stop() {
	p.relay.Close()
	p.cut()
	p.gateway.Close()
	p.wg.Wait()
}

// cut ends every session; the node comes back with new challenges to sign.
func (p *played) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open, p.now = nil, boson.BoxPublic{}
}

func (p *played) profile() Profile {
	a := p.relay.Addr().(*net.TCPAddr)
	id := p.key.ID().String()
	return Profile{Name: "custom", Domain: "localhost", Scheme: "http", SuperNodes: []SuperNode{{ID: id, ProxyPeerID: id, Host: a.IP.String(), ProxyPort: a.Port, Gateway: p.gateway.URL}}}
}

// register takes every claim.
func (p *played) register(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path != "/api/register" {
		p.others = append(p.others, r.Method+" "+r.URL.Path+" "+string(b))
		http.NotFound(w, r)
		return
	}
	p.claims = append(p.claims, b)
	var c struct{ Username string }
	if err := json.Unmarshal(b, &c); err != nil {
		p.t.Error(err)
	}
	fmt.Fprintf(w, `{"success":true,"username":%q,"url":"http://%s.localhost:1","claim":{"op":"register","username":"root","superNode":"another"}}`, c.Username, c.Username)
}

// packet reads one: size u16, which counts itself, then the rest.
func packet(r io.Reader) ([]byte, error) {
	b := make([]byte, 2, 1024)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < 3 {
		return nil, errors.New("a packet too short")
	}
	b = append(b, make([]byte, n-2)...)
	_, err := io.ReadFull(r, b[2:])
	return b, err
}

func sized(b []byte) []byte {
	binary.BigEndian.PutUint16(b, uint16(len(b)))
	return b
}

// greet challenges a connection and, if it is a session's first, grants whatever it asks.
func (p *played) greet(c net.Conn) error {
	p.mu.Lock()
	challenge := p.challenges[p.turn%len(p.challenges)]
	p.turn++
	p.mu.Unlock()
	if _, err := c.Write(sized(append([]byte{0, 0}, challenge...))); err != nil {
		return err
	}
	b, err := packet(c)
	if err != nil {
		return err
	}
	if len(b) < 3+32 {
		return errors.New("no AUTH, no ATTACH")
	}
	device := boson.ID(b[3:35])
	box, err := p.key.Box(device)
	if err != nil {
		return err
	}
	peer := boson.NewContext(box)
	plain, err := peer.Open(nil, b[35:])
	if err != nil {
		return err
	}
	s := signed{device: device, challenge: challenge}
	var theirs boson.BoxPublic
	first := b[2] < 8 // AUTH: version 2 | user 32 | session key 32 | flag 1 | signature 64; ATTACH: session key 32 | signature 64
	if first {
		s.user, theirs, s.signature = boson.ID(plain[2:34]), boson.BoxPublic(plain[34:66]), plain[67:131]
	} else {
		s.signature = plain[32:96]
	}
	p.mu.Lock()
	p.said = append(p.said, b, plain)
	p.signed = append(p.signed, s)
	known := first || p.now == boson.BoxPublic(plain[:32])
	if first {
		p.now = theirs
	}
	p.mu.Unlock()
	if !known {
		return errors.New("ATTACH to a session that is over")
	}
	if !first {
		_, err := c.Write([]byte{0, 3, 0x88})
		return errors.Join(err, p.listen(c, nil))
	}
	own := boson.NewBoxKey()
	session, err := own.Box(theirs)
	if err != nil {
		return err
	}
	public := own.Public()
	ack := append(append(slices.Clone(public[:]), 0, 8, 0), "127.0.0.1:1\x00\x00"...)
	if _, err := c.Write(sized(peer.Seal([]byte{0, 0, 0x80}, ack))); err != nil {
		return err
	}
	p.guests <- &seat{c, session, boson.NewContext(session)}
	return nil
}

// listen keeps what else is said on a connection.
func (p *played) listen(c net.Conn, heard func([]byte)) error {
	for {
		b, err := packet(c)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.said = append(p.said, b)
		p.mu.Unlock()
		if heard != nil {
			heard(b)
		}
	}
}

// ask sends a request to the node as a gateway does, with the proof that only the
// super node can make, and returns the head and body of what comes back. An error:
// the seat is one of a session that is over.
func (p *played) ask(s *seat, request string) (string, error) {
	p.t.Helper()
	s.conn.SetDeadline(time.Now().Add(time.Minute))
	visitor := append([]byte{0, 1, 4, 203, 0, 113, 7}, make([]byte, 12)...)
	if _, err := s.conn.Write(sized(s.context.Seal([]byte{0, 0, 0x20}, visitor))); err != nil {
		return "", fmt.Errorf("CONNECT: %w", err)
	}
	h, err := preface.Header(s.session.Derive(preface.KeyInfo), netip.MustParseAddrPort("203.0.113.7:1"))
	if err != nil {
		p.t.Fatal(err)
	}
	if b, err := packet(s.conn); err != nil || b[2]>>4 != 0xa || b[3]&1 != 1 {
		return "", fmt.Errorf("CONNECT_ACK %x: %w", b, err)
	}
	if _, err := s.conn.Write(sized(s.context.Seal([]byte{0, 0, 0x40}, append(h, request...)))); err != nil {
		return "", fmt.Errorf("DATA: %w", err)
	}
	var answer []byte
	err = p.listen(s.conn, func(b []byte) {
		switch {
		case b[2] >= 0x40 && b[2] < 0x70:
			plain, err := s.context.Open(nil, b[3:])
			if err != nil {
				p.t.Error(err)
			}
			answer = append(answer, plain...)
		case b[2]>>4 == 3: // DISCONNECT
			s.conn.Close()
		}
	})
	if len(answer) == 0 {
		return "", fmt.Errorf("no answer: %w", err)
	}
	p.mu.Lock()
	p.said = append(p.said, answer)
	p.mu.Unlock()
	return string(answer), nil
}
