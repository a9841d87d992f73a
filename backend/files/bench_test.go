package files_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pc2/backend/files"
	"pc2/backend/store"
)

// many makes a folder with n files, every tenth a folder with a child. The rows
// are written directly: this is about reading them.
func (w *world) many(a files.Actor, n int) files.Entry {
	w.t.Helper()
	folder := w.mkdir(a, "Documents/many")
	file := w.put(a, "Documents/many/first.txt", "content")
	err := w.db.Write(w.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO entries (uid, wallet_address, parent_id, name, name_key, is_dir, size, mime_type, object, key, root, created, modified, accessed)
			SELECT printf('00000000-0000-4000-8000-%012d', i), e.wallet_address, e.parent_id, printf('file %08d.txt', i * 7919 % ?1), printf('file %08d.txt', i * 7919 % ?1),
				i % 10 = 0, CASE WHEN i % 10 THEN e.size ELSE 0 END, CASE WHEN i % 10 THEN e.mime_type END, CASE WHEN i % 10 THEN e.object END, CASE WHEN i % 10 THEN e.key END, CASE WHEN i % 10 THEN e.root END,
				e.created, e.modified + i * 31 % 1000, e.accessed
			FROM n, entries e WHERE e.id = ?2`, n-1, file.ID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO entries (uid, wallet_address, parent_id, name, name_key, is_dir, created, modified, accessed)
			SELECT 'child of ' || uid, wallet_address, id, 'child', 'child', 1, created, modified, accessed FROM entries WHERE parent_id = ? AND is_dir`, folder.ID)
		if err != nil {
			return err
		}
		// Each file has its own object, as it would.
		if _, err := tx.Exec(`INSERT INTO object (id, root, size, leaf, sealed, refs) SELECT e.id, o.root, o.size, o.leaf, o.sealed, 1 FROM entries e JOIN object o ON o.id = e.object WHERE e.parent_id = ?1 AND e.id <> ?2`, folder.ID, file.ID); err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE entries SET object = id WHERE parent_id = ?1 AND id <> ?2 AND NOT is_dir", folder.ID, file.ID)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return folder
}

func BenchmarkList10000(b *testing.B) {
	w := newWorld(b)
	a := w.user(1)
	folder := w.many(a, 10_000)
	for _, by := range []string{"name", "modified", "size", "type"} {
		b.Run(by, func(b *testing.B) {
			b.ReportAllocs()
			best := time.Hour // of all rounds: what the work costs when nothing else runs
			defer func() { b.ReportMetric(float64(best.Microseconds())/1000, "min-ms") }()
			for b.Loop() {
				start := time.Now()
				p, err := w.List(b.Context(), a, files.ByUID(folder.UID), files.ListOptions{SortBy: by})
				if err != nil || len(p.Items) != 10_000 {
					b.Fatal(len(p.Items), err)
				}
				best = min(best, time.Since(start))
			}
		})
	}
}

func BenchmarkStat(b *testing.B) {
	w := newWorld(b)
	a := w.user(1)
	f := w.put(a, "Documents/a/b/c/file.txt", "x")
	for name, s := range map[string]files.Selector{"path": files.At(f.Path), "uid": files.ByUID(f.UID)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Stat(b.Context(), a, s, files.StatOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWriteSmall(b *testing.B) {
	body := strings.Repeat("x", 10<<10)
	for _, parallel := range []int{1, 8} {
		b.Run(fmt.Sprint(parallel), func(b *testing.B) {
			w := newWorld(b)
			a := w.user(1)
			folder := files.ByUID(w.mkdir(a, "Documents/many").UID)
			var n atomic.Int64
			b.SetParallelism((parallel + 1) / 2) // times GOMAXPROCS, which is 2 here
			write := func() {
				s, err := folder.Under(fmt.Sprintf("file %d.txt", n.Add(1)))
				if err == nil {
					_, err = w.Write(context.Background(), a, files.WriteRequest{To: s}, strings.NewReader(body))
				}
				if err != nil {
					b.Error(err)
				}
			}
			if parallel == 1 {
				for b.Loop() {
					write()
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					write()
				}
			})
		})
	}
}

// What a folder of 10 000 files costs in the writer.
func BenchmarkFolder10000(b *testing.B) {
	w := newWorld(b)
	a := w.user(1)
	folder := files.ByUID(w.many(a, 10_000).UID)
	pictures := at(b, a, "Pictures")
	measure := func(name string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	n := 0
	measure("rename", func() error { // to a longer name: everything below has to fit
		n++
		_, err := w.Rename(b.Context(), a, files.RenameRequest{Entry: folder, NewName: strings.Repeat("n", n%200+1)})
		return err
	})
	measure("move", func() error {
		n++
		to := pictures
		if n%2 == 0 {
			to = at(b, a, "Documents")
		}
		_, err := w.Move(b.Context(), a, files.MoveRequest{From: folder, To: to})
		return err
	})
	measure("copy and delete", func() error {
		c, err := w.Copy(b.Context(), a, files.CopyRequest{From: folder, To: pictures, NewName: "copy"})
		if err != nil {
			return err
		}
		_, err = w.Delete(b.Context(), a, files.DeleteRequest{Entries: []files.Selector{files.ByUID(c.UID)}, Recursive: true})
		return err
	})
}
