package connectivity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"pc2/backend/event"
)

// Check is what one call to the node's own address has shown.
type Check struct {
	At      time.Time
	Reached bool          // the call came back to this very node
	Took    time.Duration // there and back, by the way of a visitor; of Reached
	Super   bool          // the super node's gateway answers
	Away    time.Duration // how far it is: one handshake; of Super
}

const (
	// checkWait is how long a check waits for a rung that is just being climbed.
	checkWait = 10 * time.Second
	checkCall = 10 * time.Second
)

// checks lets one check run at a time and keeps the last.
type checks struct {
	turn chan struct{} // of length 1
	last atomic.Pointer[Check]
}

func newChecks() checks { return checks{turn: make(chan struct{}, 1)} }

// LastCheck is the last Check of this run, nil before the first.
func (l *Ladder) LastCheck() *Check { return l.checks.last.Load() }

// Check tries to be reachable now if the node is not, and then calls the node's
// own address by the way of a visitor: out to the gateway, and back in.
func (l *Ladder) Check(ctx context.Context) (Check, error) {
	if len(l.super) == 0 {
		return Check{}, ErrOff
	}
	select {
	case l.checks.turn <- struct{}{}:
		defer func() { <-l.checks.turn }()
	case <-ctx.Done():
		return Check{}, ctx.Err()
	}
	l.Reconnect()
	state := l.awaitRung(ctx)
	c := Check{At: time.Now()}
	err := l.call(ctx, state, &c)
	if ctx.Err() != nil {
		return Check{}, ctx.Err() // whoever asked is gone; that says nothing about the way
	}
	if err != nil {
		l.log.Info("the call to the own address failed", "url", state.URL, "err", err)
	}
	l.checks.last.Store(&c)
	return c, nil
}

// awaitRung waits until there is a way in, unless there is nothing to wait for.
func (l *Ladder) awaitRung(ctx context.Context) State {
	sub := event.Subscribe[Changed](l.bus, 16)
	defer sub.Close()
	limit := time.NewTimer(checkWait)
	defer limit.Stop()
	for {
		s := l.State()
		if s.Path != Offline || s.Name == "" {
			return s
		}
		select {
		case <-sub.C():
		case <-limit.C:
			return s
		case <-ctx.Done():
			return s
		}
	}
}

var errElsewhere = errors.New("another node answers at this node's address")

// call dials the gateway as configured, never a name that has to be looked up
// for it: whatever the address says, the way is the one of this profile.
func (l *Ladder) call(ctx context.Context, s State, c *Check) error {
	ctx, cancel := context.WithTimeout(ctx, checkCall)
	defer cancel()
	conn, err := l.dialGateway(ctx, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.Name == "" || s.URL == "" || s.Path == Offline {
		return nil // nothing to call
	}
	// One connection, made already: a second one would be another address.
	once := make(chan net.Conn, 1)
	once <- conn
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-once:
			return c, nil
		default:
			return nil, net.ErrClosed
		}
	}}
	client := &http.Client{Transport: tr, CheckRedirect: l.http.CheckRedirect}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/setup/status", nil)
	if err != nil {
		return err
	}
	var start time.Time // with TLS behind it: what a page that is open already feels
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { start = time.Now() }}))
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var who struct {
		Node string `json:"node_id"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&who); err != nil || res.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("status %d", res.StatusCode))
	}
	if who.Node != l.key.ID().String() {
		return errElsewhere
	}
	c.Reached, c.Took = true, time.Since(start)
	return nil
}

func (l *Ladder) dialGateway(ctx context.Context, c *Check) (net.Conn, error) {
	u, err := url.Parse(l.current().Gateway)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	start := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	c.Super, c.Away = true, time.Since(start)
	return conn, nil
}
