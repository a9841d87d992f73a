package connectivity

import (
	"context"
	"net"
	"net/http"
	"time"
)

const probeTime = 10 * time.Second

// homeward leaves a super node that stood in for the first one, when that is back:
// both its gateway and its relay take connections. It looks less and less often,
// so that one which only seems to be back costs little.
func (l *Ladder) homeward(ctx context.Context, leave func()) {
	l.mu.Lock()
	away, pause := l.at != 0, l.pace.home<<min(l.returns, 6)
	l.mu.Unlock()
	if !away {
		return
	}
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if !l.alive(ctx, l.super[0]) {
			continue
		}
		l.log.Info("the first super node is back", "super", l.super[0].ID)
		l.mu.Lock()
		l.at = 0
		l.returns++
		l.mu.Unlock()
		l.Reconnect() // without the pause after a failure
		leave()
		return
	}
}

func (l *Ladder) alive(ctx context.Context, at *target) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", at.Relay)
	if err != nil {
		return false
	}
	c.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.Gateway+"/api/health", nil)
	if err != nil {
		return false
	}
	res, err := l.http.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
