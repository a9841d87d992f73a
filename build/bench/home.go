//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"pc2/backend/boson"
	"pc2/backend/boson/activeproxy"
	"pc2/backend/names"
	"pc2/backend/preface"
)

// What stands at the end of every road, and the plain relay, are this program
// too, started with one of these words in front of its flags. So the processes
// that are measured are not the client.
var roles = map[string]func(ctx context.Context, args []string) error{"home": home, "devices": devices, "relay": relay}

// ends is what home tells: where it can be reached.
type ends struct {
	Direct string `json:"direct"` // host:port
	Mapped string `json:"mapped"` // host:port of the super node's relay that leads here, without a gateway
	Name   string `json:"name"`   // below the super node's domain
}

// superReady is what we need of pc2super's ready file.
type superReady struct {
	NodeID      string `json:"node_id"`
	ProxyPeerID string `json:"proxy_peer_id"`
	GatewayURL  string `json:"gateway_url"`
	HTTPAddr    string `json:"http_addr"`
	ProxyAddr   string `json:"proxy_addr"`
}

const homeName = "bench"

// home serves bytes from memory: on a port, and, if there is a super node, at its
// relay, once for whoever comes to the mapped port and once for its gateway.
//
//	home READY [SUPER-READY]
func home(ctx context.Context, args []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e := ends{Direct: l.Addr().String()}
	h := newSource()
	g, ctx := errgroup.WithContext(ctx)
	serve := func(s *http.Server, l net.Listener) {
		g.Go(func() error {
			defer context.AfterFunc(ctx, func() { s.Close() })()
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	serve(&http.Server{Handler: h}, l)
	if len(args) > 1 {
		var super superReady
		if err := readJSON(args[1], &super); err != nil {
			return err
		}
		raw, endpoint, err := device(ctx, g, super, boson.Seed{1})
		if err != nil {
			return err
		}
		serve(&http.Server{Handler: h}, raw)
		named := boson.Seed{2}
		if err := claim(ctx, super, named); err != nil {
			return err
		}
		byName, _, err := device(ctx, g, super, named)
		if err != nil {
			return err
		}
		node := &http.Server{Handler: h}
		preface.Prepare(node)
		serve(node, preface.Listen(byName, preface.Config{}))
		e.Mapped, e.Name = endpoint, homeName
	}
	if err := writeJSON(args[0], e); err != nil {
		return err
	}
	return g.Wait()
}

// devices keeps the sessions of many devices that nobody visits.
//
//	devices READY SUPER-READY COUNT
func devices(ctx context.Context, args []string) error {
	var super superReady
	if err := readJSON(args[1], &super); err != nil {
		return err
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		if _, _, err := device(ctx, g, super, boson.Seed{3, byte(i), byte(i >> 8)}); err != nil {
			return err
		}
	}
	if err := writeJSON(args[0], ends{}); err != nil {
		return err
	}
	return g.Wait()
}

// device keeps a session at the relay and returns its visitors' listener.
func device(ctx context.Context, g *errgroup.Group, super superReady, seed boson.Seed) (net.Listener, string, error) {
	peer, err := boson.ParseID(super.ProxyPeerID)
	if err != nil {
		return nil, "", err
	}
	key := boson.KeyFromSeed(seed)
	online, over := make(chan activeproxy.Session, 1), make(chan error, 1)
	c, err := activeproxy.NewClient(activeproxy.ClientConfig{
		Relay: super.ProxyAddr, Peer: peer, Device: key.RelayDevice(peer), User: key.ID(),
		OnState: func(s activeproxy.State) {
			if s.Phase == activeproxy.Online {
				online <- s.Session
			}
		},
	})
	if err != nil {
		return nil, "", err
	}
	g.Go(func() error {
		defer c.Close()
		err := c.Run(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("the relay session has ended")
		}
		over <- err
		return err
	})
	select {
	case s := <-online:
		return c, s.Endpoint, nil
	case err := <-over:
		return nil, "", err
	case <-time.After(20 * time.Second):
		return nil, "", errors.New("the relay does not answer")
	}
}

// claim registers the name for the device that the key has at the super node.
func claim(ctx context.Context, super superReady, seed boson.Seed) error {
	key := boson.KeyFromSeed(seed)
	id, err := boson.ParseID(super.NodeID)
	if err != nil {
		return err
	}
	peer, err := boson.ParseID(super.ProxyPeerID)
	if err != nil {
		return err
	}
	name, err := names.Parse(homeName)
	if err != nil {
		return err
	}
	now := time.Now()
	signed, err := names.Sign(key, names.Claim{Op: names.Register, Name: name, Device: key.RelayDevice(peer).ID(), SuperNode: id, Seq: now.UnixMilli(), Time: now})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, super.GatewayURL+"/api/register", bytes.NewReader(signed.JSON()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // only for the message
		return fmt.Errorf("register the name: %d %s", res.StatusCode, b)
	}
	return nil
}

// steadyPattern is the pattern of home, which the client knows.
func steadyPattern() []byte {
	b := make([]byte, patternLen)
	mathrand.NewChaCha8([32]byte{}).Read(b)
	return b
}

const kib = 1 << 10

// newSource answers GET /1k, GET /bytes/N with the first N bytes of a file, and
// PUT, whose body it throws away.
func newSource() http.Handler {
	p := steadyPattern()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /1k", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1024")
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(p[:kib])
	})
	mux.HandleFunc("GET /bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
		if err != nil || n < 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		w.Header().Set("Content-Type", "application/octet-stream")
		for n > 0 {
			k, err := w.Write(p[:min(n, int64(len(p)))])
			if err != nil {
				return
			}
			n -= int64(k)
		}
	})
	mux.HandleFunc("PUT /sink/", func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 256<<10)
		n := int64(0)
		for {
			k, err := r.Body.Read(b)
			n += int64(k)
			if err == io.EOF {
				break
			}
			if err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		if n != r.ContentLength {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// relay copies between whoever comes and one address, and does nothing else.
//
//	relay READY TO
func relay(ctx context.Context, args []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	if err := writeJSON(args[0], ends{Direct: l.Addr().String()}); err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		go pass(c, args[1])
	}
}

func pass(c net.Conn, to string) {
	defer c.Close()
	d, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer d.Close()
	go func() {
		io.Copy(d, c) // the kernel splices: this is the least that a relay costs
		d.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(c, d)
	c.(*net.TCPConn).CloseWrite()
}

// act runs a role until it is told to end.
func act(role func(context.Context, []string) error, args []string) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := role(ctx, args); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func readJSON(name string, v any) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// writeJSON makes a file that is never seen half.
func writeJSON(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
