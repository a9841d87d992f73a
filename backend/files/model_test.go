package files_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"pc2/backend/fault"
	"pc2/backend/files"
)

var (
	modelOps  = flag.Int("model.ops", 2000, "operations of TestModel")
	modelSeed = flag.Uint64("model.seed", 0, "seed of TestModel, 0: random")
)

// node is an entry of the model: the same tree, kept in memory in the plainest way.
type node struct {
	uid, name, body string
	dir, fixed      bool
	kids            map[string]*node
	up              *node
}

type model struct {
	w     *world
	r     *rand.Rand
	users []files.Actor
	homes []*node
	log   []string
}

// TestModel does thousands of random operations on the tree and on the model and
// expects the same outcome, error codes included, and the same tree.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test -run TestModel -model.seed %d", seed)
	w := newWorld(t)
	m := &model{w: w, r: rand.New(rand.NewPCG(seed, 1))}
	for n := range byte(2) {
		a := w.user(n + 1)
		m.users = append(m.users, files.Actor{Wallet: a.Wallet, Admin: true}) // so that they can reach each other
		h := &node{name: a.Wallet.String(), dir: true, fixed: true, kids: map[string]*node{}}
		for _, name := range []string{"Desktop", "Documents", "Pictures", "Videos", "Public", "AppData", "Trash"} {
			h.add(&node{name: name, dir: true, fixed: true})
		}
		m.homes = append(m.homes, h)
	}
	ops := *modelOps
	if testing.Short() {
		ops = 300
	}
	done := map[string]int{}
	for i := range ops {
		op, got, want := m.step()
		if got != want {
			t.Fatalf("after %d operations: %s\ngot %q, the model says %q\nbefore it:\n%s", i, op, got, want, strings.Join(m.log[max(0, len(m.log)-8):], "\n"))
		}
		done[strings.Fields(op)[0]+" "+want]++
		m.log = append(m.log, op)
		if i%100 == 99 {
			m.compare(false)
			w.sound()
		}
		if t.Failed() {
			t.Fatalf("after %d operations, the last: %s", i, strings.Join(m.log[max(0, len(m.log)-100):], "\n"))
		}
		w.told() // keep the queue from filling
	}
	m.compare(true)
	w.sound()
	for _, k := range slices.Sorted(maps.Keys(done)) {
		t.Logf("%4d %s", done[k], k)
	}
	// Nothing may be left of what is gone.
	for i, a := range m.users {
		if _, err := w.Delete(t.Context(), a, files.DeleteRequest{Entries: m.selectors(m.homes[i].sorted()), DescendantsOnly: true}); err != nil {
			t.Fatal(err)
		}
	}
	w.sound()
	for _, h := range m.homes {
		for _, k := range h.sorted() {
			if !k.fixed {
				if err := remove(w, m.users[0], k.path()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	w.sound()
	w.filesOnDisk(0)
	var rows, objects int
	if err := w.db.Read(t.Context()).QueryRow("SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM object)").Scan(&rows, &objects); err != nil || rows != 16 || objects != 0 {
		t.Fatalf("%d rows and %d objects are left (%v)", rows, objects, err)
	}
}

func key(name string) string { return norm.NFC.String(name) }

func (n *node) add(k *node) {
	if k.dir && k.kids == nil {
		k.kids = map[string]*node{}
	}
	k.up = n
	n.kids[key(k.name)] = k
}

func (n *node) drop() { delete(n.up.kids, key(n.name)) }

func (n *node) path() string {
	if n.up == nil {
		return "/" + n.name
	}
	return n.up.path() + "/" + n.name
}

func (n *node) sorted() (kids []*node) {
	for _, k := range slices.Sorted(maps.Keys(n.kids)) {
		kids = append(kids, n.kids[k])
	}
	return kids
}

func (n *node) within(top *node) bool {
	for ; n != nil; n = n.up {
		if n == top {
			return true
		}
	}
	return false
}

func (n *node) copy() *node {
	c := &node{name: n.name, body: n.body, dir: n.dir}
	for _, k := range n.sorted() {
		if c.kids == nil {
			c.kids = map[string]*node{}
		}
		c.add(k.copy())
	}
	if c.dir && c.kids == nil {
		c.kids = map[string]*node{}
	}
	return c
}

// spot is where a path leads: an entry, or the folder where names are missing.
type spot struct {
	at   *node
	rest []string
	name string // the last name, as given
}

func (s spot) path() string {
	if s.there() && s.at.up != nil { // perhaps spelt in another way than the entry itself
		return s.at.up.path() + "/" + s.name
	}
	return strings.Join(append([]string{s.at.path()}, s.rest...), "/")
}

func (s spot) there() bool { return len(s.rest) == 0 }

// spot picks an existing entry or a place for a new one, at random.
func (m *model) spot() spot {
	at := m.homes[min(m.r.IntN(8), 1)^1] // mostly the first home
	for at.dir && len(at.kids) > 0 && m.r.IntN(6) > 0 {
		kids := at.sorted()
		at = kids[m.r.IntN(len(kids))]
	}
	s := spot{at: at, name: at.name}
	for m.r.IntN(5) < 2 {
		if len(s.rest) > 2 || !s.at.dir && !m.yes(8) {
			break
		}
		s.name = m.name()
		if next := s.at.kids[key(s.name)]; next != nil && len(s.rest) == 0 {
			s.at = next
		} else {
			s.rest = append(s.rest, s.name)
		}
	}
	return s
}

// folder is a spot that is a folder, mostly.
func (m *model) folder() spot {
	s := m.spot()
	if !s.at.dir && !m.yes(8) {
		return spot{at: s.at.up, name: s.at.up.name}
	}
	return s
}

func (m *model) name() string {
	names := []string{"a", "b", "c.txt", "d.tar.gz", "\u00e9", "e\u0301", "x (1)"}
	return names[m.r.IntN(len(names))]
}

func (m *model) yes(n int) bool { return m.r.IntN(n) == 0 }

func (m *model) body() string {
	switch m.r.IntN(20) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(fmt.Sprintf("%08d", m.r.IntN(1e8)), 8_200+m.r.IntN(10_000)) // an object file
	}
	return fmt.Sprintf("content %d", m.r.IntN(1e9))
}

func (m *model) select_(path string) files.Selector { return at(m.w.t, m.users[0], path) }

func (m *model) selectors(nodes []*node) (s []files.Selector) {
	for _, n := range nodes {
		s = append(s, m.select_(n.path()))
	}
	return s
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if fault.As(err) == nil {
		return err.Error()
	}
	return fault.CodeOf(err)
}

func (m *model) step() (op, got, want string) {
	switch m.r.IntN(10) {
	case 0, 1, 2:
		return m.write()
	case 3:
		return m.mkdir()
	case 4:
		return m.remove()
	case 5, 6:
		return m.move()
	case 7:
		return m.rename()
	case 8:
		return m.cp()
	}
	return m.touch()
}

// free is the first numbered name that a folder has not.
func (n *node) free(name string, dir bool) string {
	head, tail := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && !dir {
		head, tail = name[:i], name[i:]
	}
	for i := 1; ; i++ {
		if c := fmt.Sprintf("%s (%d)%s", head, i, tail); n.kids[key(c)] == nil {
			return c
		}
	}
}

// room says whether something can be made where s leads, which is nothing yet.
func (s spot) room(parents bool) string {
	switch {
	case !s.at.dir:
		return "dest_is_not_a_directory"
	case len(s.rest) > 1 && !parents:
		return "dest_does_not_exist"
	}
	return "ok"
}

// make puts n where s leads.
func (s spot) make(n *node) {
	at := s.at
	for _, name := range s.rest[:len(s.rest)-1] {
		next := &node{name: name, dir: true}
		at.add(next)
		at = next
	}
	at.add(n)
}

func (m *model) write() (op, got, want string) {
	s, body := m.spot(), m.body()
	req := files.WriteRequest{To: m.select_(s.path()), Overwrite: m.yes(2), DedupeName: m.yes(3), CreateParents: m.yes(2)}
	op = fmt.Sprintf("write %s %d bytes overwrite=%v dedupe=%v parents=%v", s.path(), len(body), req.Overwrite, req.DedupeName, req.CreateParents)
	r, err := m.w.Write(m.w.t.Context(), m.users[0], req, strings.NewReader(body))
	n := &node{name: s.name, body: body, uid: r.UID}
	switch {
	case !s.there():
		if want = s.room(req.CreateParents); want == "ok" {
			s.make(n)
		}
	case req.Overwrite && !s.at.dir:
		s.at.body, want = body, "ok"
	case req.DedupeName && s.at.up != nil:
		n.name, want = s.at.up.free(s.name, false), "ok"
		s.at.up.add(n)
	case s.at.dir && req.Overwrite:
		want = "cannot_overwrite_a_directory"
	default:
		want = "item_with_same_name_exists"
	}
	return op, outcome(err), want
}

func (m *model) mkdir() (op, got, want string) {
	s := m.spot()
	req := files.MkdirRequest{To: m.select_(s.path()), Overwrite: m.yes(3), DedupeName: m.yes(3), CreateParents: m.yes(2)}
	op = fmt.Sprintf("mkdir %s overwrite=%v dedupe=%v parents=%v", s.path(), req.Overwrite, req.DedupeName, req.CreateParents)
	e, err := m.w.Mkdir(m.w.t.Context(), m.users[0], req)
	n := &node{name: s.name, dir: true, uid: e.UID}
	switch {
	case !s.there():
		if want = s.room(req.CreateParents); want == "ok" {
			s.make(n)
		}
	case s.at.dir && (!req.DedupeName || s.at.up == nil):
		want = "ok"
	case req.Overwrite && !s.at.dir:
		want = "ok"
		up := s.at.up
		s.at.drop()
		up.add(n)
	case req.DedupeName:
		want, n.name = "ok", s.at.up.free(s.name, true)
		s.at.up.add(n)
	default:
		want = "item_with_same_name_exists"
	}
	return op, outcome(err), want
}

func (m *model) remove() (op, got, want string) {
	req := files.DeleteRequest{Recursive: !m.yes(4), DescendantsOnly: m.yes(6)}
	var spots []spot
	for range 1 + m.r.IntN(3) {
		s := m.spot()
		for s.there() && s.at.size() > 20 && !m.yes(8) { // else there is never much
			s = m.spot()
		}
		spots = append(spots, s)
		req.Entries = append(req.Entries, m.select_(s.path()))
		op += " " + s.path()
	}
	op = fmt.Sprintf("delete%s recursive=%v descendants=%v", op, req.Recursive, req.DescendantsOnly)
	_, err := m.w.Delete(m.w.t.Context(), m.users[0], req)
	want = "ok"
	for _, s := range spots {
		switch {
		case !s.there():
			want = "subject_does_not_exist"
		case req.DescendantsOnly:
		case s.at.fixed:
			want = "forbidden"
		case len(s.at.kids) > 0 && !req.Recursive:
			want = "conflict"
		}
		if want != "ok" {
			return op, outcome(err), want
		}
	}
	for _, s := range spots {
		if req.DescendantsOnly && s.at.up == nil {
			return op, outcome(err), "forbidden" // the default folders are in it
		}
	}
	for _, s := range spots {
		if !req.DescendantsOnly {
			s.at.drop()
		}
		for _, k := range s.at.sorted() {
			if req.DescendantsOnly {
				k.drop()
			}
		}
	}
	return op, outcome(err), want
}

// land is what becomes of a move or copy of n to the folder s: the place, or a code.
func (m *model) land(n *node, s spot, newName string, overwrite, dedupe, whole bool) (up *node, name string, old *node, code string) {
	name = n.name
	if newName != "" {
		name = newName
	}
	switch {
	case s.there() && !s.at.dir:
		return nil, "", nil, "dest_is_not_a_directory"
	case !s.there() && (!whole || newName != "") && !s.at.dir:
		return nil, "", nil, "dest_is_not_a_directory"
	case !s.there() && (!whole || newName != ""):
		return nil, "", nil, "dest_does_not_exist"
	case !s.there():
		if code := s.room(false); code != "ok" {
			return nil, "", nil, code
		}
		name = s.rest[0]
	}
	return s.at, name, s.at.kids[key(name)], "ok"
}

// clear settles the name that is taken.
func clear_(up *node, name string, old *node, dir, overwrite, dedupe bool) (string, string) {
	switch {
	case old == nil:
	case overwrite && len(old.kids) == 0:
		if old.fixed {
			return "", "forbidden"
		}
		old.drop()
	case dedupe:
		return up.free(name, dir), "ok"
	case overwrite:
		return "", "cannot_overwrite_a_directory"
	default:
		return "", "item_with_same_name_exists"
	}
	return name, "ok"
}

func (m *model) move() (op, got, want string) {
	from, to := m.spot(), m.folder()
	req := files.MoveRequest{From: m.select_(from.path()), To: m.select_(to.path()), Overwrite: m.yes(3), DedupeName: m.yes(3)}
	if m.yes(3) {
		req.NewName = m.name()
	}
	op = fmt.Sprintf("move %s to %s as %q overwrite=%v dedupe=%v", from.path(), to.path(), req.NewName, req.Overwrite, req.DedupeName)
	_, err := m.w.Move(m.w.t.Context(), m.users[0], req)
	got, n := outcome(err), from.at
	switch {
	case !from.there():
		return op, got, "subject_does_not_exist"
	case n.fixed:
		return op, got, "forbidden"
	}
	up, name, old, want := m.land(n, to, req.NewName, req.Overwrite, req.DedupeName, true)
	switch {
	case want != "ok":
		return op, got, want
	case up.within(n):
		return op, got, "cannot_move_directory_into_itself"
	case old == n && n.name == name:
		return op, got, "source_and_dest_are_the_same"
	case old == n:
		old = nil
	}
	if name, want = clear_(up, name, old, n.dir, req.Overwrite, req.DedupeName); want == "ok" {
		n.drop()
		n.name = name
		up.add(n)
	}
	return op, got, want
}

func (m *model) cp() (op, got, want string) {
	from, to := m.spot(), m.folder()
	req := files.CopyRequest{From: m.select_(from.path()), To: m.select_(to.path()), Overwrite: m.yes(3), DedupeName: m.yes(3)}
	if m.yes(3) {
		req.NewName = m.name()
	}
	op = fmt.Sprintf("copy %s to %s as %q overwrite=%v dedupe=%v", from.path(), to.path(), req.NewName, req.Overwrite, req.DedupeName)
	if from.there() && from.at.size() > 200 {
		return op + " (too large)", "ok", "ok" // copies of copies would fill the day
	}
	c, err := m.w.Copy(m.w.t.Context(), m.users[0], req)
	got, n := outcome(err), from.at
	if !from.there() {
		return op, got, "subject_does_not_exist"
	}
	up, name, old, want := m.land(n, to, req.NewName, req.Overwrite, req.DedupeName, false)
	switch {
	case want != "ok":
		return op, got, want
	case up.within(n):
		return op, got, "cannot_copy_directory_into_itself"
	case old == n && req.Overwrite:
		return op, got, "source_and_dest_are_the_same"
	}
	if name, want = clear_(up, name, old, n.dir, req.Overwrite, req.DedupeName); want == "ok" {
		d := n.copy()
		d.name, d.uid = name, c.UID
		up.add(d)
	}
	return op, got, want
}

func (n *node) size() int {
	s := 1
	for _, k := range n.kids {
		s += k.size()
	}
	return s
}

func (m *model) rename() (op, got, want string) {
	s, name := m.spot(), m.name()
	op = fmt.Sprintf("rename %s %q", s.path(), name)
	_, err := m.w.Rename(m.w.t.Context(), m.users[0], files.RenameRequest{Entry: m.select_(s.path()), NewName: name})
	got = outcome(err)
	switch {
	case !s.there():
		return op, got, "subject_does_not_exist"
	case s.at.fixed:
		return op, got, "forbidden"
	}
	if old := s.at.up.kids[key(name)]; old != nil && old != s.at {
		return op, got, "item_with_same_name_exists"
	}
	up := s.at.up
	s.at.drop()
	s.at.name = name
	up.add(s.at)
	return op, got, "ok"
}

func (m *model) touch() (op, got, want string) {
	s, parents := m.spot(), m.yes(2)
	op = fmt.Sprintf("touch %s parents=%v", s.path(), parents)
	e, err := m.w.Touch(m.w.t.Context(), m.users[0], files.TouchRequest{To: m.select_(s.path()), CreateParents: parents})
	want = "ok"
	if !s.there() {
		if want = s.room(parents); want == "ok" {
			s.make(&node{name: s.name, uid: e.UID})
		}
	}
	return op, outcome(err), want
}

// compare walks both trees; with all, it reads every file, else some.
func (m *model) compare(all bool) {
	m.w.t.Helper()
	seen := map[string]bool{}
	for i, h := range m.homes {
		sum := m.compareFolder(h, all, seen)
		if used, _, err := m.w.Usage(m.w.t.Context(), m.users[i].Wallet); err != nil || used != sum {
			m.w.t.Errorf("used %d, the model has %d bytes (%v)", used, sum, err)
		}
	}
}

func (m *model) compareFolder(n *node, all bool, seen map[string]bool) (sum int64) {
	t := m.w.t
	p, err := m.w.List(t.Context(), m.users[0], m.select_(n.path()), files.ListOptions{SortBy: "name"})
	if err != nil {
		t.Errorf("list %s: %v", n.path(), err)
		return 0
	}
	kids := n.sorted()
	if len(kids) != len(p.Items) {
		t.Errorf("%s has %s", n.path(), join(p.Items))
		return 0
	}
	for i, k := range kids {
		e := p.Items[i]
		if k.uid == "" {
			k.uid = e.UID
		}
		if e.Name != k.name || e.IsDir != k.dir || e.UID != k.uid || e.Size != int64(len(k.body)) || e.Path.String() != k.path() || e.Empty != (k.dir && len(k.kids) == 0) || e.Immutable != k.fixed || seen[e.UID] {
			t.Errorf("the tree has %+v, the model %s", e, k.path())
		}
		seen[e.UID] = true
		switch {
		case k.dir:
			sum += m.compareFolder(k, all, seen)
		case all || m.r.IntN(10) == 0:
			if got := m.w.get(m.users[0], k.path()); got != k.body {
				t.Errorf("%s: %d bytes came back, want %d", k.path(), len(got), len(k.body))
			}
		}
		sum += int64(len(k.body))
	}
	return sum
}
