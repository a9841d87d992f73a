package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"pc2/backend/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrTooNew: the database was written by a newer program; it is left untouched.
var ErrTooNew = fault.New(fault.Conflict, "schema_too_new", "These data were written by a newer PC2. Start that version, or a newer one.")

// Config says where the database lies. Path is required.
type Config struct {
	Path    string       // file; its folder must exist
	Readers int          // read connections, default 4
	Schema  fs.FS        // goose migrations; default: the node's
	Pages   int          // written between two checkpoints, default 1600
	Spare   bool         // keep room for Free on a full disk, in the file Path-spare
	Log     *slog.Logger // default: discard
}

// DB is an open database. All methods may be called from any goroutine.
type DB struct {
	log    *slog.Logger
	write  *sql.DB   // one connection
	conn   *sql.Conn // that connection, used by the writer alone
	aside  *sql.DB   // one connection, for checkpoints
	read   *sql.DB
	stmts  sync.Map // query -> *sql.Stmt on read
	jobs   chan *job
	turn   chan *writer  // holds the writer while nobody writes
	closed chan struct{} // closed by Close: no new jobs
	done   chan struct{} // closed after the last round
	close  sync.Once
	tasks  sync.WaitGroup // checkpoints; only who has the turn adds one

	version atomic.Uint64

	mu     sync.RWMutex
	broken error // why writes are refused, once they are
}

// Open opens or creates the database, replays its WAL and migrates it. A database
// of a newer program is refused (ErrTooNew).
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Readers <= 0 {
		cfg.Readers = 4
	}
	if cfg.Pages <= 0 {
		cfg.Pages = checkpointAt
	}
	// Created by us with 0600: SQLite gives its -wal and -shm the mode of the file.
	f, err := os.OpenFile(cfg.Path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}

	db := &DB{log: cfg.Log.With("part", "store"), jobs: make(chan *job, maxBatch), turn: make(chan *writer, 1), closed: make(chan struct{}), done: make(chan struct{})}
	if err := db.open(ctx, cfg, info.Size() == 0); err != nil {
		db.closePools()
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.turn <- &writer{DB: db, prepared: &prepared{db.conn, map[string]*sql.Stmt{}}, spare: spare{path: cfg.Path + "-spare", wanted: cfg.Spare}, beside: beside{every: cfg.Pages}}
	return db, nil
}

func (db *DB) open(ctx context.Context, cfg Config, empty bool) (err error) {
	// temp_store: the journals of savepoints would else become files in /tmp, one a commit.
	pragmas := []string{"journal_mode(wal)", "synchronous(full)", "cache_size(-4096)", "temp_store(memory)", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointBy)}
	if empty {
		// It has to come before journal_mode, else it is silently off. Later it would
		// be a write, and opening changes no byte of a database that is up to date.
		pragmas = append([]string{"auto_vacuum(incremental)"}, pragmas...)
	}
	if db.write, err = pool(cfg.Path, 1, pragmas...); err != nil {
		return err
	}
	if db.conn, err = db.write.Conn(ctx); err != nil {
		return err
	}
	var vacuum, sync int
	var journal string
	if err := errors.Join(
		db.conn.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&vacuum),
		db.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal),
		db.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync),
	); err != nil {
		return err
	}
	if vacuum != 2 || journal != "wal" || sync != 2 {
		return fmt.Errorf("auto_vacuum=%d journal_mode=%s synchronous=%d, want 2, wal, 2", vacuum, journal, sync)
	}
	if err := db.migrate(ctx, cfg.Schema); err != nil {
		return err
	}
	if db.aside, err = pool(cfg.Path, 1, "synchronous(full)"); err != nil {
		return err
	}
	db.read, err = pool(cfg.Path, cfg.Readers, "query_only(1)", "cache_size(-2048)")
	return err
}

func (db *DB) migrate(ctx context.Context, dir fs.FS) (err error) {
	if dir == nil {
		if dir, err = fs.Sub(migrations, "migrations"); err != nil {
			return err
		}
	}
	// goose wants a pool, and ours has one connection, which db.conn holds.
	db.conn.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, db.write, dir)
	if err != nil {
		return err
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	if have > newest {
		return ErrTooNew.Because(fmt.Errorf("schema %d, this program knows %d", have, newest))
	}
	if have < newest {
		if _, err := p.Up(ctx); err != nil {
			return err
		}
	}
	db.conn, err = db.write.Conn(ctx)
	return err
}

// pool opens path with the pragmas that every connection needs and those given.
func pool(path string, conns int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	q.Add("_pragma", "foreign_keys(1)")
	q.Add("_pragma", "trusted_schema(0)")
	if runtime.GOOS == "darwin" { // there, fsync alone leaves the data in the drive's cache
		q.Add("_pragma", "fullfsync(1)")
		q.Add("_pragma", "checkpoint_fullfsync(1)")
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	p, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	p.SetMaxOpenConns(conns)
	p.SetMaxIdleConns(conns)
	return p, nil
}

// Close takes no further jobs, finishes those taken, and closes the files. It
// is idempotent.
func (db *DB) Close() error {
	var err error
	db.close.Do(func() {
		close(db.closed)
		w := <-db.turn // for good
		for len(db.jobs) > 0 {
			w.round()
		}
		close(db.done)
		db.tasks.Wait()
		w.prepared.close()
		err = db.closePools()
	})
	return err
}

func (db *DB) closePools() error {
	var errs []error
	for _, p := range []*sql.DB{db.read, db.aside} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	if db.conn != nil {
		db.conn.Close() // reports ErrConnDone when the pool's Close has been here
	}
	if db.write != nil { // last: the last connection checkpoints and removes the WAL
		errs = append(errs, db.write.Close())
	}
	return errors.Join(errs...)
}

// Broken is nil, or why the database takes no writes any more.
func (db *DB) Broken() error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.broken
}

// Version counts the transactions: while it stays the same, so does everything
// that is read. It has grown before a job's After hooks run and Write returns.
func (db *DB) Version() uint64 { return db.version.Load() }
