package portmap

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"github.com/huin/goupnp/soap"
)

// igd maps by one connection service of a UPnP router.
type igd struct {
	service connection
	local   netip.Addr
	addr    netip.Addr
	said    bool // the router told addr
}

// The error codes of the service (UPnP IGD: WANIPConnection 2, 2.3 and 2.5).
const (
	codeNotAuthorized  = 606
	codeNoSuchEntry    = 714
	codeConflict       = 718
	codeSamePort       = 724
	codeOnlyPermanent  = 725
	codeOtherMechanism = 729
)

const (
	protocolTCP = "TCP"
	portsTried  = 6
	listedMost  = 32 // entries
	listTime    = 2 * time.Second
)

func (u *igd) method() Method              { return UPnP }
func (u *igd) promise() (netip.Addr, bool) { return u.addr, u.said }

func (u *igd) askAddress(ctx context.Context) error {
	s, err := u.service.GetExternalIPAddressCtx(ctx)
	if err != nil {
		u.addr, u.said = netip.IPv4Unspecified(), false
		return err
	}
	u.addr, u.said = parseExternal(s), true
	return nil
}

// add maps the wanted port, else one that this PC had before, else others.
func (u *igd) add(ctx context.Context, a ask) (grant, error) {
	if had, ok := u.had(ctx, a); ok {
		a.want = had
	}
	var err error
	for _, p := range candidates(a, u.local) {
		var g grant
		if g, err = u.addPort(ctx, a, p); err == nil {
			return g, nil
		}
		switch code := upnpCode(err); {
		case errors.Is(err, ErrTaken), code == codeConflict, code == codeOtherMechanism:
		case code == codeNotAuthorized && p < 1024: // IGD 2 keeps those for itself
		case code == codeSamePort && p != a.port:
		default:
			return grant{}, refusal(err)
		}
	}
	if chooser, ok := u.service.(anyPort); ok {
		now := time.Now()
		p, anyErr := chooser.AddAnyPortMappingCtx(ctx, "", a.want, protocolTCP, a.port, u.local.String(), true, a.description, seconds(a.lease))
		if anyErr == nil && p != 0 {
			return grant{external: netip.AddrPortFrom(u.addr, p), lease: a.lease, at: now}, nil
		}
	}
	return grant{}, refusal(err)
}

// refusal: what the router says itself is a no; anything else only a failure.
func refusal(err error) error {
	f := (*soap.SOAPFaultError)(nil)
	switch {
	case errors.As(err, &f):
		return fmt.Errorf("%w: error %d %q", ErrRefused, f.Detail.UPnPError.Errorcode, f.Detail.UPnPError.ErrorDescription)
	case errors.Is(err, ErrTaken):
		return fmt.Errorf("%w: other computers have the ports", ErrRefused)
	}
	return err
}

// addPort maps one external port, for ever where the router knows no leases. A
// port that leads to another computer is left alone: some routers would
// overwrite it.
func (u *igd) addPort(ctx context.Context, a ask, external uint16) (grant, error) {
	switch _, err := u.look(ctx, a, external); {
	case errors.Is(err, ErrTaken):
		return grant{}, err
	case err != nil && !isFault(err):
		return grant{}, err
	}
	for _, lease := range []time.Duration{a.lease, 0} {
		now := time.Now()
		err := u.service.AddPortMappingCtx(ctx, "", external, protocolTCP, a.port, u.local.String(), true, a.description, seconds(lease))
		if err == nil {
			return grant{external: netip.AddrPortFrom(u.addr, external), lease: lease, at: now}, nil
		}
		if upnpCode(err) != codeOnlyPermanent {
			return grant{}, err
		}
	}
	return grant{}, fmt.Errorf("%w: neither with a lease nor without", ErrRefused)
}

// look says how long an external port still leads to us; 0: for ever, or not known.
func (u *igd) look(ctx context.Context, a ask, external uint16) (left time.Duration, err error) {
	port, client, enabled, _, lease, err := u.service.GetSpecificPortMappingEntryCtx(ctx, "", external, protocolTCP)
	if err != nil {
		return 0, err
	}
	if port != a.port || client != u.local.String() || !enabled {
		return 0, fmt.Errorf("%w: %s:%d", ErrTaken, client, port)
	}
	return time.Duration(lease) * time.Second, nil
}

// had finds a mapping from an earlier run, whatever external port it got then.
func (u *igd) had(ctx context.Context, a ask) (uint16, bool) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	for i := range uint16(listedMost) {
		_, external, protocol, port, client, enabled, _, _, err := u.service.GetGenericPortMappingEntryCtx(ctx, i)
		if err != nil {
			return 0, false // the end of the list, or no list
		}
		if protocol == protocolTCP && port == a.port && client == u.local.String() && enabled && external != 0 {
			return external, true
		}
	}
	return 0, false
}

// candidates are the external ports to try. They are the same each time, so that
// what a crash leaves behind is found and not added to.
func candidates(a ask, local netip.Addr) []uint16 {
	ports := []uint16{a.want}
	add := func(p uint16) {
		if !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	add(a.port)
	for i := 0; len(ports) < portsTried; i++ {
		h := fnv.New32a()
		fmt.Fprintf(h, "%s %d %d", local, a.port, i)
		const first, last = 20000, 60000 // registered ports lie below, some routers' own above
		add(uint16(first + h.Sum32()%(last-first)))
	}
	return ports
}

func (u *igd) keep(ctx context.Context, a ask, g grant, due bool) (grant, error) {
	if err := u.askAddress(ctx); err != nil {
		return grant{}, err
	}
	left, err := u.look(ctx, a, g.external.Port())
	switch {
	case errors.Is(err, ErrTaken):
		return grant{}, err
	case err != nil && !isFault(err):
		return grant{}, err
	case due, upnpCode(err) == codeNoSuchEntry: // forgotten: the router was restarted
		again, err := u.addPort(ctx, a, g.external.Port())
		switch {
		case errors.Is(err, ErrTaken):
			return grant{}, err
		case upnpCode(err) == codeConflict:
			return grant{}, ErrTaken
		}
		return again, refusal(err)
	case g.lease > 0 && left > 0 && left < time.Until(g.at.Add(g.lease)): // the router gives less than was asked for
		g.lease, g.at = left, time.Now()
	}
	g.external = netip.AddrPortFrom(u.addr, g.external.Port())
	return g, nil
}

// remove deletes the mapping if it is ours.
func (u *igd) remove(ctx context.Context, a ask, g grant) error {
	if _, err := u.look(ctx, a, g.external.Port()); errors.Is(err, ErrTaken) {
		return nil
	}
	err := u.service.DeletePortMappingCtx(ctx, "", g.external.Port(), protocolTCP)
	if upnpCode(err) == codeNoSuchEntry {
		return nil
	}
	return err
}
