package supernode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"pc2/backend/boson/activeproxy"
	"pc2/backend/internal/durable"
)

// Flags are the command line of pc2super; the tags are for its parser.
type Flags struct {
	Data       string `help:"Folder for key and names." type:"path" required:"" placeholder:"DIR"`
	Domain     string `help:"Domain that names live below." required:"" placeholder:"DOMAIN"`
	Scheme     string `help:"Scheme of public addresses: https behind something that ends TLS, or http." enum:"https,http" default:"https"`
	PublicHost string `help:"Host of the relay's endpoints, as visitors see it." placeholder:"HOST"`
	HTTP       string `name:"http" help:"Address of the web gateway." default:":80" placeholder:"ADDR"`
	HTTPS      string `name:"https" help:"Address of the gateway's TLS; certificates are not there yet, so only off." default:"off" placeholder:"ADDR|off"`
	Proxy      string `help:"Address of the relay." default:":8090" placeholder:"ADDR"`
	DHT        string `name:"dht" help:"Address of the DHT; accepted, and not served yet." default:"off" placeholder:"ADDR|off"`
	Ports      string `help:"Ports that the relay maps." default:"25000-30000" placeholder:"FIRST-LAST"`
	OpenRelay  bool   `help:"Admit devices that no name names."`
	Developer  bool   `help:"Dial nodes back at private and loopback addresses too, for test networks."`
	ReadyFile  string `help:"File to write when everything answers." type:"path" placeholder:"FILE"`
}

// Config is what the flags ask for.
func (f Flags) Config() (Config, error) {
	if f.HTTPS != "off" {
		return Config{}, errors.New("--https needs certificates, which this version cannot get or read yet: use --https off behind something that ends TLS")
	}
	if f.HTTP == "off" {
		return Config{}, errors.New("--http off leaves no gateway")
	}
	first, last, ok := strings.Cut(f.Ports, "-")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(last)
	if !ok || errA != nil || errB != nil || a < 1 || b < a || b > 65535 {
		return Config{}, fmt.Errorf("--ports %q is no range such as 25000-30000", f.Ports)
	}
	return Config{
		Dir: f.Data, Domain: f.Domain, Scheme: f.Scheme, PublicHost: f.PublicHost, HTTP: f.HTTP, Proxy: f.Proxy,
		Ports: activeproxy.PortRange{First: a, Last: b}, OpenRelay: f.OpenRelay, Inside: f.Developer,
	}, nil
}

// Serve is what pc2super does: start by its flags, write the ready file, run
// until ctx ends.
func Serve(ctx context.Context, f Flags, version string, out, log io.Writer) error {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	cfg.Version = version
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	if f.DHT != "off" {
		cfg.Log.Warn("the DHT is not there yet, so --dht has no effect", "dht", f.DHT)
	}
	s, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error {
		ready, err := json.Marshal(s.Ready())
		if err != nil {
			return err
		}
		if f.ReadyFile != "" {
			if err := durable.Replace(f.ReadyFile, append(ready, '\n')); err != nil {
				return fmt.Errorf("write the ready file: %w", err)
			}
		}
		fmt.Fprintf(out, "\n  Super node %s\n  gateway %s for *.%s, relay %s\n\n", s.ID(), s.http.Addr(), cfg.Domain, s.proxy.Addr())
		return nil
	})
	return g.Wait()
}
