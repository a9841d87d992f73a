package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"pc2/backend/api"
	"pc2/backend/auth"
	"pc2/backend/connectivity"
	"pc2/backend/content"
	"pc2/backend/event"
	"pc2/backend/files"
	"pc2/backend/identity"
	"pc2/backend/internal/conf"
	"pc2/backend/preface"
	"pc2/backend/store"
	"pc2/backend/supernode"
	"pc2/backend/wallet"
)

// Version of this program; the build sets it.
var Version = "dev"

// Config of a node. Dir is required.
type Config struct {
	Dir           string            // data directory
	Listen        string            // host:port; "": from config.json, else 127.0.0.1:4200
	MorePorts     int               // how many above that one are tried when another program has it
	Profile       Profile           // the zero value is "local"
	WantedName    string            // "": none
	ReadyFile     string            // "": none
	RestorePhrase identity.Phrase   // the zero Phrase: none
	Keychain      identity.Keychain // nil: there is none
	Custody       identity.Custody  // where the local key is to be; security.keychain can say otherwise
	UI            fs.FS
	Log           *slog.Logger
	Desktop       api.Desktop // nil: no window around this node
	OnReady       func(Ready) // called once everything answers
}

// Node is a PC2.
type Node struct {
	cfg     Config
	conf    *conf.Config
	log     *slog.Logger
	logs    io.Closer // the log file
	lock    *flock.Flock
	id      *identity.Identity
	db      *store.DB
	content *content.Store
	bus     *event.Bus
	auth    *auth.Desk
	files   *files.Tree
	super   *supernode.SuperNode // of profile local; else nil
	public  net.Listener         // for gateways; nil: none
	net     *connectivity.Ladder
	api     *api.Server
	ln      net.Listener
	token   string // of the control file
	started time.Time
	close   sync.Once
}

// ErrLocked: another node has the data directory.
var ErrLocked = errors.New("another PC2 is running on this data directory")

// New opens everything and listens. Close or Run must follow.
func New(ctx context.Context, cfg Config) (_ *Node, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg, log: cfg.Log, bus: event.New(), token: rand.Text() + rand.Text(), started: time.Now()}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	p := paths{cfg.Dir}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	n.lock = flock.New(p.lock(), flock.SetPermissions(0o600))
	switch got, err := n.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock the data directory: %w", err)
	case !got:
		n.lock = nil
		return nil, fmt.Errorf("%w: %s", ErrLocked, cfg.Dir)
	}
	file, err := logFile(p)
	if err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	n.logs = file
	n.cfg.Log = slog.New(slog.NewMultiHandler(cfg.Log.Handler(), slog.NewJSONHandler(file, &slog.HandlerOptions{Level: LogLevel()})))
	n.log = n.cfg.Log.With("part", "node")
	var warnings []string
	n.conf, warnings, err = conf.Load(configFile(p), os.LookupEnv)
	for _, w := range warnings {
		n.log.Warn(w)
	}
	if err != nil {
		return nil, fmt.Errorf("the configuration has problems, so PC2 does not start:\n%w", err)
	}
	// The database and the keys it was made with belong together, so it lies beside them.
	if own := filepath.Join(cfg.Dir, "pc2.db"); n.conf.Storage.DatabasePath != "" && filepath.Clean(n.conf.Storage.DatabasePath) != own {
		return nil, fmt.Errorf("storage.database_path (or DB_PATH) is %s, but this PC2 keeps its database at %s; remove the setting", n.conf.Storage.DatabasePath, own)
	}
	custody := cfg.Custody
	if n.conf.Security.Keychain == "off" {
		custody = identity.File
	}
	if n.id, n.db, err = identity.Open(ctx, identity.Config{
		Dir: cfg.Dir, RestorePhrase: cfg.RestorePhrase, Keychain: cfg.Keychain, Custody: custody, Log: n.cfg.Log,
	}); err != nil {
		return nil, err
	}
	if n.content, err = content.Open(content.Config{Dir: cfg.Dir, DB: n.db, Log: n.cfg.Log}); err != nil {
		return nil, err
	}
	if err := n.newServices(ctx); err != nil {
		return nil, err
	}
	if n.ln, err = listen(n.listenAddr(), cfg.MorePorts); err != nil {
		return nil, err
	}
	return n, nil
}

func configFile(p paths) string {
	if f := os.Getenv("PC2_CONFIG"); f != "" {
		return f
	}
	return p.config()
}

func (n *Node) listenAddr() string {
	if n.cfg.Listen != "" {
		return n.cfg.Listen
	}
	host := n.conf.Server.Host
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(n.conf.Server.Port))
}

// listen takes addr or, when that cannot be had, one of the ports above it.
func listen(addr string, more int) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err == nil {
		return ln, nil
	}
	if host, port, perr := net.SplitHostPort(addr); perr == nil {
		first, _ := strconv.Atoi(port) // 0, which asks for any, has none above
		for p := first + 1; first > 0 && p <= min(first+more, 65535); p++ {
			if ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p))); err == nil {
				return ln, nil
			}
		}
	}
	return nil, fmt.Errorf("PC2 cannot listen on %s. Is another program using that port? Choose one with --listen. (%w)", addr, err)
}

// newServices makes auth, files and api. The api knows which hosts are ours, and
// auth asks it, so the question goes through the node.
func (n *Node) newServices(ctx context.Context) (err error) {
	c := n.conf
	var pin *wallet.Address
	if c.Owner.Wallet != "" {
		a, err := wallet.Parse(c.Owner.Wallet)
		if err != nil {
			return err
		}
		pin = &a
	}
	tethered := make([]wallet.Address, len(c.Owner.Tethered))
	for i, s := range c.Owner.Tethered {
		if tethered[i], err = wallet.Parse(s); err != nil {
			return err
		}
	}
	if n.auth, err = auth.New(ctx, auth.Config{
		DB: n.db, Node: n.id.ID(), NodeName: c.Server.Name, SessionDays: c.Security.SessionDays, AbsoluteDays: c.Security.AbsoluteDays,
		ChallengeTTL: time.Duration(c.Auth.ChallengeTTL) * time.Second, Owner: pin, Tethered: tethered,
		AcceptHost: func(host string) bool { return n.api.AcceptHost(host) }, Bus: n.bus, Log: n.cfg.Log,
	}); err != nil {
		return err
	}
	if err := n.newNet(ctx); err != nil {
		return err
	}
	n.files = files.New(files.Config{
		DB: n.db, Content: n.content, Keyring: content.NewKeyring(n.id.DataKey()), Bus: n.bus, Log: n.cfg.Log, Capacity: (&capacity{node: n}).limit,
	})
	n.api, err = api.New(api.Config{
		Version: Version, Node: n.id.ID(), NodeName: c.Server.Name, Started: n.started, Auth: n.auth, Files: n.files, Net: n.net, Bus: n.bus, UI: n.cfg.UI,
		Phrase:  func() (api.Secret, error) { return n.id.Phrase() },
		Healthy: n.db.Broken, Status: func() any { return n.Status() }, ControlToken: n.token,
		Desktop:   n.cfg.Desktop,
		PublicURL: c.Server.PublicURL, AllowedHosts: c.Server.AllowedHosts, AllowedOrigins: c.Server.AllowedOrigins,
		TrustedProxies: c.Server.TrustedProxies, Limits: c.Limits, StrictWhoami: c.Auth.StrictWhoami, Tethered: len(tethered), Log: n.cfg.Log,
	})
	return err
}

// Run serves until ctx ends or a part fails. Running requests get 5 s. The node
// is closed when Run returns.
func (n *Node) Run(ctx context.Context) error {
	defer n.Close()
	if err := n.content.Recover(ctx); err != nil {
		return fmt.Errorf("recover the content store: %w", err)
	}
	srv := &http.Server{
		Handler: n.api.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	preface.Prepare(srv)
	listeners := []net.Listener{n.ln, preface.Listen(n.net, preface.Config{Log: n.cfg.Log})}
	if n.public != nil {
		listeners = append(listeners, preface.Listen(n.public, preface.Config{Log: n.cfg.Log}))
	}
	g, ctx := errgroup.WithContext(ctx)
	// The super node and the ways through it end after the requests that came by them.
	outer, stopNet := context.WithCancel(context.WithoutCancel(ctx))
	if n.super != nil {
		g.Go(func() error { return n.super.Run(outer) })
	}
	g.Go(func() error { return n.net.Run(outer) })
	// The store's own work outlives the requests, which need it to the end.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error { return n.content.Run(work) })
	g.Go(func() error { return n.auth.Run(ctx) })
	g.Go(func() error { return n.api.Run(ctx) })
	for _, l := range listeners {
		g.Go(func() error {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	g.Go(func() error {
		defer stopWork()
		defer stopNet()
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := srv.Shutdown(end); err != nil {
			n.log.Warn("cut requests that took longer than 5 s to end")
			return srv.Close()
		}
		return nil
	})
	g.Go(func() error { return n.announce(ctx) })
	return g.Wait()
}

// announce writes control and ready file, and keeps the latter true: once there
// is an owner, no claim code lies on the disk.
func (n *Node) announce(ctx context.Context) error {
	claimed := event.Subscribe[auth.Claimed](n.bus, 1)
	defer claimed.Close()
	moved := event.Subscribe[connectivity.Changed](n.bus, 8)
	defer moved.Close()
	p := paths{n.cfg.Dir}
	if err := os.MkdirAll(p.runtime(), 0o700); err != nil {
		return err
	}
	if err := replace(p.control(), control{URL: n.URL(), Token: n.token, PID: os.Getpid()}); err != nil {
		return err
	}
	defer os.Remove(p.control())
	if n.super != nil && n.wantsName(ctx) { // everything answers, its public address included
		select {
		case <-n.net.Tried():
		case <-time.After(firstTry):
		case <-ctx.Done():
		}
	}
	if err := n.ready(); err != nil {
		return err
	}
	n.log.Info("ready", "url", n.URL(), "node", n.id.ID(), "version", Version)
	if n.cfg.OnReady != nil {
		n.cfg.OnReady(n.Ready())
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-claimed.C():
		case <-moved.C():
		}
		if err := n.ready(); err != nil {
			n.log.Error("the ready file is not true any more: address or claim code have changed", "err", err)
		}
	}
}

func (n *Node) ready() error {
	if n.cfg.ReadyFile == "" {
		return nil
	}
	return replace(n.cfg.ReadyFile, n.Ready())
}

// Ready is what the ready file says now.
func (n *Node) Ready() Ready {
	r := Ready{URL: n.URL(), NodeID: n.id.ID().String(), PID: os.Getpid(), Version: Version}
	if code := n.auth.ClaimCode().Reveal(); code != "" {
		r.ClaimCode = &code
	}
	r.Name, r.GatewayURL = named(n.net.State())
	return r
}

// Status is how the node is now.
func (n *Node) Status() Status {
	_, owned := n.auth.Owner()
	s := n.net.State()
	name, public := named(s)
	return Status{Running: true, URL: n.URL(), NodeID: n.id.ID().String(), Name: name, PublicURL: public, Path: string(s.Path), Sentence: s.Sentence, Hint: s.Hint, Owner: owned, Version: Version}
}

// URL is where this PC's browsers find the page.
func (n *Node) URL() string {
	a := n.ln.Addr().(*net.TCPAddr)
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// Close releases everything, the database and the lock last. It is idempotent.
func (n *Node) Close() {
	n.close.Do(func() {
		if n.ln != nil {
			n.ln.Close() // Serve's Shutdown may have closed it
		}
		if n.public != nil {
			n.public.Close()
		}
		if n.super != nil {
			n.super.Close()
		}
		if n.content != nil {
			n.content.Close() // gives a folder back, no more
		}
		if n.db != nil {
			if err := n.db.Close(); err != nil {
				n.log.Error("close the database", "err", err)
			}
		}
		if n.lock != nil {
			if err := n.lock.Unlock(); err != nil {
				n.log.Error("unlock the data directory", "err", err)
			}
		}
		if n.logs != nil {
			n.logs.Close() // nobody is left to tell
		}
	})
}
