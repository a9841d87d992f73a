package files_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/files"
)

// Two who have read the same version and both want to replace it: one does.
func TestTwoWritersOfOneFile(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	f := w.put(a, "Documents/f", "first")
	for round := range 20 {
		var wg sync.WaitGroup
		var won atomic.Int32
		bodies := [4]string{}
		winner := ""
		for i := range bodies {
			bodies[i] = fmt.Sprintf("round %d writer %d %s", round, i, strings.Repeat("x", i%2*70_000))
			wg.Go(func() {
				_, err := w.Write(t.Context(), a, files.WriteRequest{To: files.ByUID(f.UID), Overwrite: true, ExpectETag: f.Root}, strings.NewReader(bodies[i]))
				switch {
				case err == nil:
					won.Add(1)
					winner = bodies[i]
				case !errors.Is(err, files.ErrStale):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || w.get(a, f.UID) != winner {
			t.Fatalf("%d writers won", won.Load())
		}
		f.Entry = w.stat(a, f.UID)
	}
	// Without a version to expect, the last one in order wins, and is whole.
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { w.put(a, "Documents/new", strings.Repeat(fmt.Sprint(i), 100_000)) })
	}
	wg.Wait()
	if body := w.get(a, "Documents/new"); len(body) != 100_000 || strings.Trim(body, body[:1]) != "" {
		t.Fatal("a mixture")
	}
	// Nobody overwrites: one makes the file, the others learn that it is there.
	var made atomic.Int32
	for range 8 {
		wg.Go(func() {
			_, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/once")}, strings.NewReader("x"))
			if err == nil {
				made.Add(1)
			} else if fault.CodeOf(err) != "item_with_same_name_exists" {
				t.Error(err)
			}
		})
	}
	for range 8 { // and everybody gets a name
		wg.Go(func() {
			if _, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/each"), DedupeName: true}, strings.NewReader("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Fatalf("made %d times", made.Load())
	}
	if p, err := w.List(t.Context(), a, at(t, a, "Documents"), files.ListOptions{}); err != nil || len(p.Items) != 3+8 {
		t.Fatal(join(p.Items), err)
	}
	w.sound()
	w.filesOnDisk(1)
}

// A file that is being replaced is always there, and always one of its versions.
func TestReadersOfAFileThatIsReplaced(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	body := func(i int) string { return strings.Repeat(fmt.Sprintf("%08d", i), 1+i%2*10_000) }
	w.put(a, "Documents/f", body(0))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				got := w.get(a, "Documents/f")
				if len(got) < 8 || strings.ReplaceAll(got, got[:8], "") != "" {
					t.Errorf("a mixture of %d bytes", len(got))
				}
			}
		})
	}
	for i := range 80 {
		w.put(a, "Documents/f", body(i))
	}
	stop()
	wg.Wait()
	w.sound()
}

// Many at once, in one tree: whatever they do to each other, what is promised holds.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	const workers, rounds = 8, 60
	sub := event.Subscribe[files.Changed](w.bus, 100_000)
	defer sub.Close()
	expected := map[string]bool{"ok": true, "subject_does_not_exist": true, "dest_does_not_exist": true, "dest_is_not_a_directory": true, "item_with_same_name_exists": true,
		"cannot_overwrite_a_directory": true, "cannot_move_directory_into_itself": true, "cannot_copy_directory_into_itself": true, "source_and_dest_are_the_same": true}
	var wg sync.WaitGroup
	for n := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 7))
			path := func() string {
				p := "Documents"
				for range 1 + r.IntN(3) {
					p += "/" + string("abc"[r.IntN(3)])
				}
				return p
			}
			for range rounds {
				var err error
				switch from, to := at(t, a, path()), at(t, a, path()); r.IntN(8) {
				case 0, 1, 2:
					size := 1 + r.IntN(2)*80_000
					_, err = w.Write(t.Context(), a, files.WriteRequest{To: to, Overwrite: true, CreateParents: true}, strings.NewReader(strings.Repeat("x", size)))
				case 3:
					_, err = w.Mkdir(t.Context(), a, files.MkdirRequest{To: to, CreateParents: true, DedupeName: r.IntN(2) == 0})
				case 4:
					_, err = w.Move(t.Context(), a, files.MoveRequest{From: from, To: to, Overwrite: true})
				case 5:
					_, err = w.Delete(t.Context(), a, files.DeleteRequest{Entries: []files.Selector{from, to}, Recursive: true})
				case 6:
					var e files.Entry
					if e, err = w.Stat(t.Context(), a, from, files.StatOptions{Size: true}); err == nil && (!e.IsDir || e.Size < 2_000_000) {
						_, err = w.Copy(t.Context(), a, files.CopyRequest{From: from, To: to, DedupeName: true})
					}
				case 7:
					_, err = w.List(t.Context(), a, from, files.ListOptions{Total: true})
				}
				if code := outcome(err); !expected[code] {
					t.Error(code)
				}
			}
		})
	}
	wg.Wait()
	w.sound()
	// The events, in the order in which they came, end with the times of the last change.
	last := int64(0)
	for len(sub.C()) > 0 {
		c := <-sub.C()
		if c.LastChange < last {
			t.Fatal("not in the order of the commits")
		}
		last = c.LastChange
	}
	if ms, err := w.LastChange(t.Context(), a.Wallet); err != nil || ms != last {
		t.Fatal(ms, last, err)
	}
	if _, err := w.Delete(t.Context(), a, files.DeleteRequest{Entries: []files.Selector{at(t, a, "Documents")}, DescendantsOnly: true}); err != nil {
		t.Fatal(err)
	}
	w.sound()
	w.filesOnDisk(0)
}
