package portmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

var (
	errElsewhere = errors.New("not the router's own address")
	errTooLong   = errors.New("answer too long")
)

const (
	connectTime = 2 * time.Second
	answerTime  = 3 * time.Second
	longest     = 256 << 10 // bytes of an answer; descriptions of real routers have up to 30 KiB
	headMost    = 16 << 10
)

// webClient talks HTTP to the router and to nobody else, whatever addresses and
// redirects the router sends.
func webClient(r router) *http.Client {
	dialer := net.Dialer{Timeout: connectTime, LocalAddr: &net.TCPAddr{IP: r.local.AsSlice()}}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if to, err := netip.ParseAddrPort(address); err != nil || to.Addr() != r.gw {
				return nil, errElsewhere
			}
			return dialer.DialContext(ctx, "tcp4", address)
		},
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: headMost,
	}
	return &http.Client{
		Transport: limited{transport}, Timeout: answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// limited gives up on answers that do not end.
type limited struct{ http.RoundTripper }

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > longest {
		res.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes", errTooLong, res.ContentLength)
	}
	res.Body = &limitedBody{ReadCloser: res.Body, left: longest}
	return res, nil
}

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
