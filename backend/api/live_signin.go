package api

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"pc2/backend/auth"
	"pc2/backend/fault"
	"pc2/backend/wallet"
)

// admit decides whether a socket may open. It runs where the connection is read,
// and may take its time.
func (l *live) admit(sock *socket.Socket, next func(*socket.ExtendedError)) {
	p := peerOf(sock.Conn())
	if err := l.letIn(p, sock.Handshake().Auth); err != nil {
		next(p.refuse(err))
		p.closeSoon()
		return
	}
	next(nil)
}

// letIn finds the session of a new socket: the packet that opens it may name one,
// else it is the one that the first request named. A client of the PC2 page that
// names none can do so later.
func (l *live) letIn(p *peer, given map[string]any) error {
	if !p.take() {
		return auth.ErrTokenUnknown
	}
	token := tokenIn(given)
	if token == "" {
		token = p.token
	}
	if token == "" && p.late {
		return nil
	}
	return l.signIn(p, token)
}

// take reserves the peer's one socket.
func (p *peer) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.taken {
		return false
	}
	p.taken = true
	return true
}

// tokenIn is the token in what a client says of itself.
func tokenIn(given map[string]any) string {
	for _, name := range []string{"auth_token", "token"} {
		if t, ok := given[name].(string); ok && t != "" {
			return t
		}
	}
	return ""
}

// signIn makes p a peer of the token's user, who has room for it.
func (l *live) signIn(p *peer, token string) error {
	who, err := l.authenticate(p, token)
	if err != nil {
		return err
	}
	stand, err := l.sit(who.User.Wallet)
	if err != nil {
		return err
	}
	p.who, p.token = who, token
	p.known.Store(true)
	p.mu.Lock()
	leave, gone := p.leave, p.gone
	if p.leave = nil; !gone {
		p.stand = stand
	}
	p.mu.Unlock()
	if leave != nil {
		leave()
	}
	if gone {
		stand()
	}
	return nil
}

// authenticate asks whose token it is. Only tokens of sessions are known there.
func (l *live) authenticate(p *peer, token string) (auth.Principal, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return l.s.cfg.Auth.Authenticate(ctx, token, p.ip, p.agent)
}

var errCrowded = fault.New(fault.Limited, "too_many_requests", "Too many connections. Wait a moment and try again.").With("retry_after", 5)

// sit takes one of the seats of a user.
func (l *live) sit(w wallet.Address) (stand func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seats[w] >= maxSockets {
		return nil, errCrowded
	}
	l.seats[w]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.seats[w]--; l.seats[w] == 0 {
			delete(l.seats, w)
		}
	}, nil
}

func isRefusal(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Unauthenticated || k == fault.Denied
}

// refusal is the reason that a client is told.
func refusal(err error) string {
	if f := fault.As(err); f != nil {
		if r, ok := f.Fields["reason"].(string); ok {
			return r
		}
	}
	return fault.CodeOf(err)
}

// refuse is the connect_error for err. Clients know "Unauthorized"; the data say more.
func (p *peer) refuse(err error) *socket.ExtendedError {
	msg := "Unauthorized"
	if !isRefusal(err) {
		msg = "This PC2 cannot open the connection now. Try again."
		if fault.As(err) == nil {
			p.live.log.Error("sign-in of a socket not checked", "err", err)
		}
	}
	if p.conn.Protocol() == 3 { // its clients take a text
		return socket.NewExtendedError(msg, nil)
	}
	return socket.NewExtendedError(msg, map[string]any{"code": fault.CodeOf(err), "reason": refusal(err)})
}

// welcome makes a new socket hear and be heard.
func (l *live) welcome(args ...any) {
	sock, ok := args[0].(*socket.Socket)
	if !ok {
		return
	}
	p := peerOf(sock.Conn())
	p.sock.Store(sock)
	sock.Use(p.pace())
	_ = sock.On("disconnect", func(...any) { p.quit() })
	_ = sock.On("authenticate", p.lateSignIn)
	_ = sock.On("auth", p.lateSignIn)
	_ = sock.On("ping", func(...any) { p.send(say("pong", map[string]any{"timestamp": time.Now().UnixMilli()})) })
	_ = sock.On("trash.is_empty", p.echo)
	// puter_is_actually_open, file:subscribe, file:unsubscribe, notif.ack: nothing to do
	if p.known.Load() {
		p.join(sock.Handshake().Auth)
	}
}

// join has the hub take p in. What it must know of the packet is read here.
func (p *peer) join(given map[string]any) {
	p.settle()
	last := lastEvent(given)
	p.live.post(func(h *hub) { h.join(p, last, time.Now()) })
}

// lastEvent is the event id that a client knows; nil when it says nothing, and an
// id that nothing has when it says something else.
func lastEvent(given map[string]any) *uint64 {
	id := uint64(0)
	switch v := given["last_event_id"].(type) {
	case nil:
		return nil
	case float64:
		if v > 0 && v < 1<<53 && v == math.Trunc(v) {
			id = uint64(v)
		}
	case string:
		if v == "" {
			return nil
		}
		id, _ = strconv.ParseUint(v, 10, 64) // 0 if it is no number
	}
	return &id
}

// strange ends a connection that has not signed in by now.
func (p *peer) strange() {
	switch {
	case p.known.Load(): // just now
	case p.sock.Load() == nil:
		p.kill()
	default:
		p.refuseLate("No token came in time.")
	}
}

func (p *peer) refuseLate(msg string) {
	p.send(say("auth_error", map[string]any{"message": msg}))
	p.finish()
}

// lateSignIn is the event by which the PC2 page signs in an open socket.
func (p *peer) lateSignIn(args ...any) {
	var given map[string]any
	if len(args) > 0 {
		given, _ = args[0].(map[string]any)
	}
	token, joined := tokenIn(given), p.known.Load()
	var err error
	if joined { // by its cookie: the token must be of the same user
		var who auth.Principal
		if who, err = p.live.authenticate(p, token); err == nil && who.User.Wallet != p.who.User.Wallet {
			err = auth.ErrTokenUnknown
		}
	} else {
		err = p.live.signIn(p, token)
	}
	if err != nil {
		msg := "Unauthorized"
		if !isRefusal(err) {
			msg = p.refuse(err).Error()
		}
		p.refuseLate(msg)
		return
	}
	p.send(say("authenticated", map[string]any{"success": true, "wallet_address": p.who.User.Wallet.String()}))
	if !joined {
		p.join(given)
	}
}

// echo passes on that the trash is empty, or no longer, to the user's other pages.
func (p *peer) echo(args ...any) {
	if len(args) == 0 || !p.known.Load() {
		return
	}
	given, _ := args[0].(map[string]any)
	empty, ok := given["is_empty"].(bool)
	if !ok {
		return
	}
	f := say("trash.is_empty", map[string]any{"is_empty": empty})
	p.live.post(func(h *hub) { h.others(p, f) })
}

// pace lets maxEvents of a minute through. A client that goes far beyond is ended.
func (p *peer) pace() socket.SocketMiddleware {
	var minute time.Time
	n := 0
	return func(_ []any, next func(error)) {
		if now := time.Now(); now.Sub(minute) > time.Minute {
			minute, n = now, 0
		}
		switch n++; {
		case n <= maxEvents:
			next(nil)
		case n == 10*maxEvents:
			p.live.log.Info("a page sends too many events: closed", "wallet", p.wallet(), "from", p.ip)
			p.kill()
		}
	}
}
