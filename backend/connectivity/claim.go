package connectivity

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"pc2/backend/boson"
	"pc2/backend/fault"
	"pc2/backend/names"
	"pc2/backend/store"
)

var (
	// ErrNoSuperNode: nothing answers where the super node should be.
	ErrNoSuperNode = fault.New(fault.Unavailable, "service_unavailable", "The super node does not answer. Names can be changed when it does.")
	// ErrOff: this node belongs to no network that gives names.
	ErrOff = fault.New(fault.Unavailable, "service_unavailable", "This PC2 is set up without a super node, so it cannot have a name.")
)

// held is the name that this node has or wants, as settings keep it.
type held struct {
	Name      string `json:"name"`
	Seq       int64  `json:"seq"`        // of the last claim that went out
	SuperNode string `json:"super_node"` // where it holds; "": nowhere yet
	URL       string `json:"url"`
}

const (
	settingsKey = "name"
	maxSkew     = 5 * time.Minute // that super nodes allow a claim's clock
)

func (l *Ladder) load(ctx context.Context) (h held, err error) {
	var raw string
	err = l.db.Read(ctx).QueryRow("SELECT value FROM settings WHERE key = ?", settingsKey).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return held{}, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &h)
	}
	return h, err
}

func (l *Ladder) save(ctx context.Context, h held) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return l.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO settings (key, value, updated_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
			settingsKey, string(b), time.Now().UnixMilli())
		return err
	})
}

// Record is the name that this node holds: the last claim's seq, and where it holds.
type Record struct {
	Name, SuperNode string
	Seq             int64
}

// Recall makes the name of the last run this one's until the super node has said
// more: visitors who come by the public listener may be earlier than that.
func (l *Ladder) Recall(ctx context.Context) error {
	h, err := l.load(ctx)
	if err != nil {
		return fmt.Errorf("read the name: %w", err)
	}
	name, err := names.Parse(h.Name)
	known := slices.ContainsFunc(l.super, func(t *target) bool { return t.ID.String() == h.SuperNode })
	if err != nil || !known || l.checkURL(h.URL, name) != nil || l.want != "" && !strings.EqualFold(l.want, h.Name) {
		return nil // none, of another network, or not the one that is wanted now
	}
	l.set(func(s *State) { s.Name, s.URL = h.Name, h.URL })
	return nil
}

// Record is the zero value when the node has no name.
func (l *Ladder) Record(ctx context.Context) (Record, error) {
	if l.db == nil {
		return Record{}, nil
	}
	h, err := l.load(ctx)
	if err != nil || h.SuperNode == "" {
		return Record{}, err
	}
	return Record{h.Name, h.SuperNode, h.Seq}, nil
}

// Register claims a name at the super node in use, gives up the one before, and
// has it spoken for by this node's relay device. The name holds when it returns.
func (l *Ladder) Register(ctx context.Context, name names.Name) (State, error) {
	if len(l.super) == 0 {
		return State{}, ErrOff
	}
	l.claiming.Lock()
	defer l.claiming.Unlock()
	h, err := l.load(ctx)
	if err != nil {
		return State{}, fmt.Errorf("read the name: %w", err)
	}
	before := h.Name
	if err := l.claim(ctx, &h, names.Register, name, l.current()); err != nil {
		return State{}, err
	}
	if old, err := names.Parse(before); err == nil && old != name {
		// One that stays with us hurts nobody and can be given up later.
		again := h
		if err := l.claim(ctx, &again, names.Release, old, l.current()); err != nil {
			l.log.Warn("the name before was not given up", "name", old, "err", err)
		} else {
			h.Seq = again.Seq
		}
		h.Name = name.String()
		if err := l.save(ctx, h); err != nil {
			return State{}, err
		}
	}
	l.set(func(s *State) { s.Name, s.URL, s.Trouble = h.Name, h.URL, "" })
	l.Reconnect()
	return l.State(), nil
}

// claim signs, sends and remembers. The seq is kept before the claim leaves:
// whatever happens then, the next one is above it.
func (l *Ladder) claim(ctx context.Context, h *held, op names.Op, name names.Name, at *target) error {
	for try := 0; ; try++ {
		now := time.Now()
		if !plausible(h.Seq, now) {
			h.Seq = 0 // of a clock that was wrong: no super node has taken it
		}
		h.Seq = max(h.Seq+1, now.UnixMilli())
		if err := l.save(ctx, *h); err != nil {
			return fmt.Errorf("keep the name: %w", err)
		}
		c, err := names.Sign(l.key, names.Claim{Op: op, Name: name, Device: at.device.ID(), SuperNode: at.ID, Seq: h.Seq, Time: now})
		if err != nil {
			return err
		}
		answer, err := l.post(ctx, at.Gateway+"/api/register", c.JSON())
		if f := fault.As(err); f != nil && f.Code == "seq_stale" && try == 0 {
			// A restored node: its settings are older than its claims.
			if seq, ok := f.Fields["seq"].(int64); ok && plausible(seq, now) {
				h.Seq = seq
				continue
			}
		}
		if err == nil {
			err = l.checkURL(answer.URL, name)
		}
		if err != nil {
			return err
		}
		if op == names.Register {
			h.Name, h.SuperNode, h.URL = name.String(), at.ID.String(), answer.URL
		}
		return l.save(ctx, *h)
	}
}

// plausible says whether a claim of ours can have had seq. Super nodes take none
// from the future, so one that tells of such a seq lies, and to go on from there
// would have every other super node refuse this node for as long.
func plausible(seq int64, now time.Time) bool { return seq <= now.Add(maxSkew).UnixMilli() }

type answer struct {
	URL     string `json:"url"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Seq     int64  `json:"seq"`
}

// post sends a claim. What the super node refuses is a fault with its code.
func (l *Ladder) post(ctx context.Context, address string, body []byte) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := l.http.Do(req)
	if err != nil {
		return a, ErrNoSuperNode.Because(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&a); err != nil {
		return a, ErrNoSuperNode.Because(fmt.Errorf("status %d: %w", res.StatusCode, err))
	}
	kinds := map[int]fault.Kind{400: fault.Invalid, 401: fault.Unauthenticated, 403: fault.Denied, 404: fault.NotFound, 409: fault.Conflict, 429: fault.Limited}
	switch kind := kinds[res.StatusCode]; {
	case res.StatusCode == http.StatusOK:
		return a, nil
	case kind != fault.Unknown && len(a.Code) < 64:
		f := fault.New(kind, a.Code, a.Message)
		if a.Seq > 0 {
			f = f.With("seq", a.Seq)
		}
		return a, f
	}
	return a, ErrNoSuperNode.Because(fmt.Errorf("status %d", res.StatusCode))
}

// checkURL: what becomes our address must be one, and of the profile's domain: our
// page answers under it, and people get it as a link.
func (l *Ladder) checkURL(s string, name names.Name) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https":
	case l.scheme != "" && u.Scheme != l.scheme:
	case l.domain != "" && u.Hostname() != name.String()+"."+l.domain:
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
	default:
		return nil
	}
	return ErrNoSuperNode.Because(fmt.Errorf("address %q", s))
}

// target is a super node and the key that this node shows to it.
type target struct {
	SuperNode
	device boson.DeviceKey
}

// Has says whether this node has a name from an earlier run.
func (l *Ladder) Has(ctx context.Context) bool {
	h, err := l.load(ctx)
	return err == nil && h.Name != ""
}
