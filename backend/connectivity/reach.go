package connectivity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"pc2/backend/names"
)

const reachTime = 10 * time.Second // the super node takes three for a no

var (
	// errNoDialBack: the super node does not do that, or not for an address such as ours.
	errNoDialBack = errors.New("the super node does not dial back here")
	// errNotNow: too many requests; the next one may be answered.
	errNotNow = errors.New("the super node does not dial back now")
)

// met is what a dial-back has shown.
type met struct {
	reached bool
	local   netip.Addr // ours, on the way to the super node
}

// reach asks the super node to dial back to a port of the address that it sees:
// over the network, tcp4 or tcp6, whose address is meant.
func (l *Ladder) reach(ctx context.Context, at *target, network string, port uint16) (m met, err error) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	body, err := names.SignReach(l.key, names.Reach{SuperNode: at.ID, Port: port, Time: time.Now()})
	if err != nil {
		return m, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Gateway+"/api/reach", bytes.NewReader(body))
	if err != nil {
		return m, err
	}
	req.Header.Set("Content-Type", "application/json")
	var local atomic.Pointer[netip.Addr]
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			a := addrOf(c.LocalAddr())
			local.Store(&a)
		}
		return c, err
	}}
	res, err := (&http.Client{Transport: tr, CheckRedirect: l.http.CheckRedirect}).Do(req)
	if a := local.Load(); a != nil {
		m.local = *a
	}
	if err != nil {
		return m, err
	}
	defer res.Body.Close()
	m.reached, err = readReached(res)
	return m, err
}

func readReached(res *http.Response) (bool, error) {
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return false, errNoDialBack
	default:
		return false, fmt.Errorf("%w: status %d", errNotNow, res.StatusCode)
	}
	var a struct {
		Reached *bool `json:"reached"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&a); err != nil || a.Reached == nil {
		return false, errors.Join(errNotNow, err)
	}
	return *a.Reached, nil
}

func addrOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}
