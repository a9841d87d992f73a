package portmap

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	watchPause = 5 * time.Second
	// sleptFor more than a pause: the PC slept, or stood still, and a router may
	// have forgotten us.
	sleptFor = 15 * time.Second
)

// Watch calls changed when the default route or an address of this PC is another
// than before, and when the PC woke from sleep. It returns when ctx ends.
func (c *Client) Watch(ctx context.Context, changed func()) {
	before, looked := c.network(), wall()
	t := time.NewTicker(watchPause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now, at := c.network(), wall()
		slept := at.Sub(looked) > watchPause+sleptFor
		if slept || now != before {
			c.log.Info("network changed", "slept", slept)
			changed()
		}
		before, looked = now, at
	}
}

// wall is the time of day: other clocks may stop while the PC sleeps.
func wall() time.Time { return time.Now().Round(0) }

// network describes where this PC is, for comparing.
func (c *Client) network() string {
	var all []string
	if gw, local, err := c.cfg.Gateway(); err == nil {
		all = append(all, gw.String()+" "+local.String())
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return strings.Join(all, "\n")
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			all = append(all, n.String())
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
