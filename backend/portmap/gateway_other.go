//go:build !linux && !windows && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package portmap

import "net/netip"

func defaultRoute() (gw, local netip.Addr, err error) { return gw, local, errNoGateway }
