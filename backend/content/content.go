package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"pc2/backend/store"
)

// Config says where the objects lie. Dir and DB are required.
type Config struct {
	Dir string       // data directory; objects go to its folder "objects"
	DB  *store.DB    // holds the rows; closed after the store
	Log *slog.Logger // default: discard

	disk  disk                                                  // tests: in place of Dir
	write func(context.Context, func(tx *store.Tx) error) error // tests: around DB.Write
}

// Store keeps content as sealed objects. Its methods may be called from any goroutine.
type Store struct {
	db      *store.DB
	write   func(context.Context, func(tx *store.Tx) error) error
	log     *slog.Logger
	disk    disk
	links   bool              // the disk has hard links
	folders map[string]*group // incoming and the 256; filled by Open
	buffers sync.Pool         // *[bufferSize]byte, for uploads
	pieces  sync.Pool         // *[pieceSize]byte, for downloads
	staged  atomic.Bool       // Recover comes too late
	inlines atomic.Uint64     // the last id given to inline content

	wake    chan struct{} // Run has something to do
	mu      sync.Mutex    // guards pending; nothing is done under it
	pending []ID          // committed, still in incoming
}

const incoming = "incoming"

// pathIncoming is where an object lies until it is known to be committed, and a
// little longer. Without hard links it is an empty marker, and says the same.
func pathIncoming(id ID) string { return incoming + "/" + id.String() }

// folder is where an object belongs.
func folder(id ID) string { return id.String()[:2] }

func pathFiled(id ID) string { return folder(id) + "/" + id.String() }

// Open makes the folders, durably, and returns a store. It starts nothing: call
// Recover before the first upload, and Run for the work in the background.
func Open(cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.write == nil {
		cfg.write = cfg.DB.Write
	}
	if cfg.disk == nil {
		d, err := openDisk(filepath.Join(cfg.Dir, "objects"))
		if err != nil {
			return nil, fmt.Errorf("open objects: %w", err)
		}
		cfg.disk = d
		if err := syncFolder(cfg.Dir); err != nil {
			d.Close()
			return nil, fmt.Errorf("open objects: %w", err)
		}
	}
	s := &Store{db: cfg.DB, write: cfg.write, log: cfg.Log.With("part", "content"), disk: cfg.disk, folders: map[string]*group{}, wake: make(chan struct{}, 1)}
	s.buffers.New = func() any { return new([bufferSize]byte) }
	s.pieces.New = func() any { return new([pieceSize]byte) }
	if err := errors.Join(s.makeFolders(), s.countInlines()); err != nil {
		s.disk.Close()
		return nil, fmt.Errorf("open objects: %w", err)
	}
	return s, nil
}

// makeFolders syncs even when nothing is new: the start that made them may have
// been cut off before its sync.
func (s *Store) makeFolders() error {
	names := []string{incoming}
	for i := range 256 {
		names = append(names, fmt.Sprintf("%02x", i))
	}
	for _, n := range names {
		if err := s.disk.Mkdir(n); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		s.folders[n] = &group{sync: func() error { return s.disk.SyncDir(n) }}
	}
	s.links = s.probe()
	return s.disk.SyncDir(".")
}

// inlineID is the id of inline content. There is no folder to spread it over, so
// it is not random but the next number: then a row goes to the end of its tables.
// In the middle, SQLite would move the neighbours of so long a row about, which
// doubles what a small file writes.
func (s *Store) inlineID() ID { return ID(s.inlines.Add(1)) }

// maxInline is above all inline ids and below almost all random ones.
const maxInline = 1 << 48

func (s *Store) countInlines() error {
	var last ID
	err := s.db.Read(context.Background()).QueryRow("SELECT coalesce(max(id), 0) FROM inline WHERE id < ?", maxInline).Scan(&last)
	s.inlines.Store(uint64(last))
	return err
}

// probe says whether the disk has hard links (exFAT has none). Being wrong costs
// no safety: without them uploads are written where they belong, which works
// anywhere, and what cannot be linked stays in incoming, where readers look too.
func (s *Store) probe() bool {
	const from, to = incoming + "/probe", incoming + "/probe2"
	defer s.remove(from)
	defer s.remove(to)
	if f, err := s.disk.Create(from); err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrExist) { // a start that was cut off left it
		return true
	}
	err := s.disk.Link(from, to)
	return err == nil || errors.Is(err, fs.ErrExist)
}

// syncFolder makes the entries of a folder durable.
func syncFolder(name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	return rooted{root}.SyncDir(".")
}

// Close gives the folder back. Readers that are open stay usable.
func (s *Store) Close() error { return s.disk.Close() }

// poke lets Run look for work.
func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
