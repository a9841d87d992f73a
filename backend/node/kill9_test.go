package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Four writers do everything that changes a tree while the process is killed at
// random moments. After each restart every acknowledged change is there byte for
// byte, and the one change of each writer that was not answered is whole or absent.
//
// PC2_KILL9_ROUNDS sets how often it is killed (make torture: many times).
func TestKill9(t *testing.T) {
	rounds := 5
	if s := os.Getenv("PC2_KILL9_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d rounds", seed, rounds)
	dir := t.TempDir()
	p := startProcess(t, dir)
	token := p.claim(t)
	writers := make([]*mutator, 4)
	for i := range writers {
		writers[i] = &mutator{root: fmt.Sprintf("w%d", i), rnd: rand.New(rand.NewPCG(seed, uint64(i))), tree: map[string]*file{"": {dir: true}}}
	}
	when := rand.New(rand.NewPCG(seed, 99))
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, w := range writers {
			wg.Go(func() { w.run(ctx, p.url, token) })
		}
		time.Sleep(time.Duration(200+when.IntN(1500)) * time.Millisecond)
		p.kill(t)
		cancel()
		wg.Wait()
		p = startProcess(t, dir)
		for _, w := range writers {
			if w.broken != nil {
				t.Fatalf("round %d, writer %s: %v", round, w.root, w.broken)
			}
			if err := w.verify(t.Context(), p.url, token); err != nil {
				t.Fatalf("round %d, writer %s: %v", round, w.root, err)
			}
		}
	}
	p.stop(t)
	checkDatabase(t, dir)
	total := 0
	for _, w := range writers {
		total += w.done
	}
	t.Logf("%d acknowledged changes survived %d kills", total, rounds)
	if total < rounds {
		t.Fatal("hardly anything was written: the test shows nothing")
	}
}

// checkDatabase: SQLite finds no fault, every row has its object and every object its row.
func checkDatabase(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "pc2.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var ok string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Fatal("integrity_check:", ok, err)
	}
	for query, what := range map[string]string{
		"SELECT count(*) FROM pragma_foreign_key_check":                                                                                            "broken references",
		"SELECT count(*) FROM object o WHERE refs <> (SELECT count(*) FROM entries e WHERE e.object = o.id)":                                       "objects whose count is wrong",
		"SELECT count(*) FROM users u WHERE used_bytes <> (SELECT coalesce(sum(size),0) FROM entries e WHERE e.wallet_address = u.wallet_address)": "users whose sum is wrong",
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d %s, %v", n, what, err)
		}
	}
	want := map[string]bool{}
	rows, err := db.Query("SELECT printf('%016x', id) FROM object WHERE id NOT IN (SELECT id FROM inline)")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		want[id] = true
	}
	var trash int
	if err := db.QueryRow("SELECT count(*) FROM trash").Scan(&trash); err != nil {
		t.Fatal(err)
	}
	extra := 0
	err = filepath.WalkDir(filepath.Join(dir, "objects"), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if !want[d.Name()] {
				extra++
			}
			delete(want, d.Name())
		}
		return err
	})
	if err != nil || len(want) > 0 || extra > trash {
		t.Errorf("%d objects without a file, %d files without an object (%d in trash), %v", len(want), extra, trash, err)
	}
}

// file is what a writer knows of an entry.
type file struct {
	dir bool
	sum [32]byte
}

// mutator changes its own folder and remembers what was acknowledged.
type mutator struct {
	root    string
	rnd     *rand.Rand
	tree    map[string]*file       // acknowledged, by path below root
	pending func(map[string]*file) // what the unanswered request does
	done    int
	broken  error // an answer that cannot be
}

func (w *mutator) run(ctx context.Context, base, token string) {
	for ctx.Err() == nil {
		req, apply := w.next(base)
		if req == nil {
			continue
		}
		w.pending = apply
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req.WithContext(ctx))
		if err != nil {
			return // killed: nobody knows
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			if err == nil {
				w.broken = fmt.Errorf("%s %s: %d %s", req.Method, req.URL, res.StatusCode, body)
			}
			return
		}
		apply(w.tree) // a status of 200 is the acknowledgement
		w.pending = nil
		w.done++
	}
}

func (w *mutator) pick(dir bool) string {
	var all []string
	for p, f := range w.tree {
		if f.dir == dir {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return all[w.rnd.IntN(len(all))]
}

func below(p, folder string) bool {
	return folder == "" || p == folder || strings.HasPrefix(p, folder+"/")
}

// next makes a request that must succeed on the tree as it is known, and what it does.
func (w *mutator) next(base string) (*http.Request, func(map[string]*file)) {
	full := func(p string) string { return path.Join("~/"+w.root, p) }
	post := func(route string, v any) *http.Request {
		b, _ := json.Marshal(v)
		req, err := http.NewRequest("POST", base+route, bytes.NewReader(b))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Content-Type", "application/json")
		return req
	}
	fresh := func() string { return path.Join(w.pick(true), fmt.Sprintf("n%06x", w.rnd.IntN(1<<24))) }
	write := func(p string) (*http.Request, func(map[string]*file)) {
		size := []int{0, 1, 100, 65_520, 65_521, 300_000, 4 << 20}[w.rnd.IntN(7)]
		b := make([]byte, size)
		for i := 0; i+8 <= len(b); i += 8 {
			copy(b[i:], strconv.AppendUint(nil, w.rnd.Uint64()|1<<62, 36)[:8])
		}
		req, err := http.NewRequest("PUT", base+"/write?path="+url.QueryEscape(full(p)), bytes.NewReader(b))
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		return req, func(t map[string]*file) { t[p] = &file{sum: sum} }
	}
	switch k := w.rnd.IntN(100); {
	case k < 35:
		return write(fresh())
	case k < 50:
		if p := w.pick(false); p != "" {
			return write(p)
		}
		return nil, nil
	case k < 62:
		if len(w.tree) > 60 {
			return nil, nil
		}
		p := fresh()
		return post("/mkdir", map[string]any{"path": full(p), "create_missing_parents": true}), func(t map[string]*file) { t[p] = &file{dir: true} }
	case k < 78:
		from, to := w.pick(w.rnd.IntN(2) == 0), w.pick(true)
		if from == "" || below(to, from) {
			return nil, nil
		}
		name := fmt.Sprintf("m%06x", w.rnd.IntN(1<<24))
		return post("/move", map[string]any{"source": full(from), "destination": full(to), "new_name": name}), func(t map[string]*file) {
			graft(t, from, path.Join(to, name), true)
		}
	case k < 90:
		from, to := w.pick(w.rnd.IntN(3) == 0), w.pick(true)
		if from == "" || below(to, from) || len(w.tree) > 60 {
			return nil, nil
		}
		name := fmt.Sprintf("c%06x", w.rnd.IntN(1<<24))
		return post("/copy", map[string]any{"source": full(from), "destination": full(to), "new_name": name}), func(t map[string]*file) {
			graft(t, from, path.Join(to, name), false)
		}
	default:
		p := w.pick(w.rnd.IntN(4) == 0)
		if p == "" {
			return nil, nil
		}
		return post("/delete", map[string]any{"path": full(p)}), func(t map[string]*file) {
			maps.DeleteFunc(t, func(k string, _ *file) bool { return below(k, p) })
		}
	}
}

// graft puts what is at from also, or instead, at to.
func graft(t map[string]*file, from, to string, move bool) {
	out := map[string]*file{}
	for p, f := range t {
		if below(p, from) {
			out[to+p[len(from):]] = f
			if move {
				delete(t, p)
			}
		}
	}
	maps.Copy(t, out)
}

// verify compares the node's tree with what is known, with and without the
// change that was not answered, and goes on from the one that is there.
func (w *mutator) verify(ctx context.Context, base, token string) error {
	have, err := w.read(ctx, base, token)
	if err != nil {
		return err
	}
	diff := different(w.tree, have)
	if diff != "" && w.pending != nil {
		with := maps.Clone(w.tree)
		w.pending(with)
		if other := different(with, have); other == "" {
			diff, w.tree = "", with
		} else {
			diff += "; with the unanswered change: " + other
		}
	}
	w.pending = nil
	if diff != "" {
		return errors.New(diff)
	}
	return nil
}

func different(want, have map[string]*file) string {
	for p, f := range want {
		g := have[p]
		if g == nil && p != "" {
			return fmt.Sprintf("%s is missing", p)
		}
		if g != nil && (g.dir != f.dir || g.sum != f.sum) {
			return fmt.Sprintf("%s is another", p)
		}
	}
	for p := range have {
		if want[p] == nil {
			return fmt.Sprintf("%s is there and should not be", p)
		}
	}
	return ""
}

func (w *mutator) read(ctx context.Context, base, token string) (map[string]*file, error) {
	out := map[string]*file{"": {dir: true}}
	get := func(route string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, "GET", base+route, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return http.DefaultClient.Do(req)
	}
	var walk func(p string) error
	walk = func(p string) error {
		res, err := get("/readdir?path=" + url.QueryEscape(path.Join("~/"+w.root, p)))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode == http.StatusNotFound && p == "" {
			return nil
		}
		var list []struct {
			Name  string `json:"name"`
			IsDir bool   `json:"is_dir"`
		}
		if err := json.NewDecoder(res.Body).Decode(&list); err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("readdir %s: %d, %v", p, res.StatusCode, err)
		}
		for _, e := range list {
			sub := path.Join(p, e.Name)
			out[sub] = &file{dir: e.IsDir}
			if e.IsDir {
				if err := walk(sub); err != nil {
					return err
				}
				continue
			}
			res, err := get("/read?path=" + url.QueryEscape(path.Join("~/"+w.root, sub)))
			if err != nil {
				return err
			}
			h := sha256.New()
			var head bytes.Buffer
			_, err = io.Copy(io.MultiWriter(h, &head), res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusOK {
				return fmt.Errorf("read %s: %d, %v %.300s", sub, res.StatusCode, err, head.Bytes())
			}
			copy(out[sub].sum[:], h.Sum(nil))
		}
		return nil
	}
	return out, walk("")
}
