package portmap

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"
)

// connection is what the three services have in common.
type connection interface {
	AddPortMappingCtx(ctx context.Context, remote string, external uint16, protocol string, port uint16, client string, enabled bool, description string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, remote string, external uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	GetGenericPortMappingEntryCtx(ctx context.Context, index uint16) (remote string, external uint16, protocol string, port uint16, client string, enabled bool, description string, lease uint32, err error)
	GetSpecificPortMappingEntryCtx(ctx context.Context, remote string, external uint16, protocol string) (port uint16, client string, enabled bool, description string, lease uint32, err error)
}

// anyPort is what WANIPConnection 2 can do besides: choose a port itself.
type anyPort interface {
	AddAnyPortMappingCtx(ctx context.Context, remote string, external uint16, protocol string, port uint16, client string, enabled bool, description string, lease uint32) (uint16, error)
}

const servicesMost = 8 // of one router

// probeUPnP offers each connection service of the router.
func (c *Client) probeUPnP(ctx context.Context, r router, found func(offer)) error {
	var (
		web    = webClient(r)
		asking sync.WaitGroup
		mu     sync.Mutex
		errs   []error
	)
	failed := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, fmt.Errorf("upnp: %w", clipped(err)))
	}
	err := searchUPnP(ctx, r, func(place *url.URL) {
		asking.Go(func() {
			services, err := describe(ctx, web, r, place)
			if err != nil {
				failed(err)
			}
			for _, s := range services {
				asking.Go(func() {
					if err := s.askAddress(ctx); err != nil && ctx.Err() == nil {
						failed(err) // it may map all the same
					}
					found(s)
				})
			}
		})
	})
	asking.Wait()
	if err != nil {
		failed(err)
	}
	return errors.Join(errs...)
}

// describe fetches a description and returns the services in it, each with a
// client that talks to the router only.
func describe(ctx context.Context, web *http.Client, r router, place *url.URL) ([]*igd, error) {
	root, err := fetchDescription(ctx, web, place)
	if err != nil {
		return nil, err
	}
	// Not each router knows its own address. What it says counts if it is the router's.
	base := place
	if u, err := url.Parse(root.URLBaseStr); err == nil && atRouter(u, r.gw) == nil {
		base = u
	}
	root.SetURLBase(base)
	var all []*igd
	use := func(c connection, s *goupnp.ServiceClient) {
		if len(all) == servicesMost || atRouter(&s.SOAPClient.EndpointURL, r.gw) != nil {
			return
		}
		s.SOAPClient.HTTPClient = *web
		all = append(all, &igd{service: c, local: r.local})
	}
	// An error means that the device has no such service.
	v2, _ := internetgateway2.NewWANIPConnection2ClientsFromRootDevice(root, place)
	for _, s := range v2 {
		use(s, &s.ServiceClient)
	}
	v1, _ := internetgateway2.NewWANIPConnection1ClientsFromRootDevice(root, place)
	for _, s := range v1 {
		use(s, &s.ServiceClient)
	}
	ppp, _ := internetgateway2.NewWANPPPConnection1ClientsFromRootDevice(root, place)
	for _, s := range ppp {
		use(s, &s.ServiceClient)
	}
	if len(all) == 0 {
		return nil, errors.New("no service that maps ports")
	}
	return all, nil
}

func fetchDescription(ctx context.Context, web *http.Client, place *url.URL) (*goupnp.RootDevice, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place.String(), nil)
	if err != nil {
		return nil, err
	}
	res, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	return parseDescription(res.Body)
}

func parseDescription(r io.Reader) (*goupnp.RootDevice, error) {
	d := xml.NewDecoder(r)
	d.DefaultSpace = goupnp.DeviceXMLNamespace
	d.CharsetReader = latin1
	root := new(goupnp.RootDevice)
	if err := d.Decode(root); err != nil {
		return nil, err
	}
	return root, nil
}

// latin1 reads any charset that is not UTF-8 byte by byte: what we look for is ASCII.
func latin1(_ string, r io.Reader) (io.Reader, error) { return latin1Reader{r}, nil }

type latin1Reader struct{ r io.Reader }

func (l latin1Reader) Read(p []byte) (int, error) {
	half := make([]byte, len(p)/2) // a byte becomes two at most
	if len(half) == 0 {
		return 0, io.ErrShortBuffer
	}
	n, err := l.r.Read(half)
	out := p[:0]
	for _, b := range half[:n] {
		out = append(out, string(rune(b))...)
	}
	return len(out), err
}

// upnpCode is the router's error code; 0: the error is another one.
func upnpCode(err error) int {
	if f := (*soap.SOAPFaultError)(nil); errors.As(err, &f) {
		return f.Detail.UPnPError.Errorcode
	}
	return 0
}

func isFault(err error) bool {
	f := (*soap.SOAPFaultError)(nil)
	return errors.As(err, &f)
}
