package connectivity

import (
	"context"
	"net"
	"net/netip"
	"time"

	"pc2/backend/boson/activeproxy"
)

// session is the relay's. It is what says that the super node is there.
type session struct {
	at     *target
	client *activeproxy.Client
	relay  net.Addr
	local  netip.Addr // ours, towards it
	cut    context.CancelFunc
}

// began notes a session: what is above it has to be proved again, since a super
// node that was restarted knows no proof.
func (l *Ladder) began(s *session, granted activeproxy.Session) {
	s.relay, s.local = granted.Relay, towards(granted.Relay)
	l.set(func(st *State) {
		l.session = s
		st.Relay, st.Endpoint, st.Trouble, st.rung = s.at.Relay, granted.Endpoint, "", ""
		st.Trying = false
	})
	l.nudge()
}

func (l *Ladder) ended() {
	l.set(func(st *State) {
		l.session = nil
		st.Relay, st.Endpoint, st.rung = "", "", ""
	})
}

func (l *Ladder) online() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// LastHeard is when the relay in use last said anything; zero: there is none.
func (l *Ladder) LastHeard() time.Time {
	if s := l.online(); s != nil {
		return s.client.LastHeard()
	}
	return time.Time{}
}

// moved is called when the PC came to another network or woke. A session over an
// address that is gone is dead, and does not know it for a while.
func (l *Ladder) moved() {
	l.elsewhere.Store(true)
	if s := l.online(); s != nil {
		silent := time.Now().Round(0).Sub(s.client.LastHeard()) // by the wall: other clocks sleep too
		if towards(s.relay) != s.local || silent > l.pace.quiet {
			s.cut()
		}
	}
	l.Reconnect()
}

// doubt looks again when a visitor comes through the relay, although the super
// node should know a better way: perhaps it fails.
func (l *Ladder) doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.rung == "" || l.doubted {
		return
	}
	l.doubted = true
	time.AfterFunc(l.pace.first-time.Since(l.looked), func() {
		l.mu.Lock()
		l.doubted = false
		l.mu.Unlock()
		l.nudge()
	})
}
