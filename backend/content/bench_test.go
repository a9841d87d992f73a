//go:build unix

package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pc2/backend/store"
)

// cpu is what the process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func perGiB(b *testing.B, before time.Duration, bytes int64) {
	b.ReportMetric((cpu()-before).Seconds()/(float64(bytes)*float64(b.N)/(1<<30)), "cpu-s/GiB")
}

// BenchmarkUpload is Stage and Commit. Prime the page cache first: on a virtual
// machine a fresh page costs more than all of the work here.
func BenchmarkUpload(b *testing.B) {
	for _, size := range []int64{1 << 30, 16 << 20, 1 << 20} {
		b.Run(fmt.Sprint(size>>20, "MiB"), func(b *testing.B) {
			s := setup(b)
			b.SetBytes(size)
			before, i := cpu(), 0
			for b.Loop() {
				i++
				name := strconv.Itoa(i)
				d, err := s.Stage(b.Context(), newStream(size), Options{Size: size})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Commit(b.Context(), d, note(name, d)); err != nil {
					b.Fatal(err)
				}
				if size == 1<<30 {
					b.StopTimer()
					if err := forget(s, name); err != nil {
						b.Fatal(err)
					}
					settle(s)
					b.StartTimer()
				}
			}
			perGiB(b, before, size)
		})
	}
}

// BenchmarkInline is 10 KiB files: one WAL sync each, or one for all who wait.
func BenchmarkInline(b *testing.B) {
	for _, parallel := range []int{1, 8} {
		b.Run(strconv.Itoa(parallel), func(b *testing.B) {
			s := setup(b)
			var n atomic.Int64
			body := plain(1, 10<<10)
			b.SetParallelism(max(1, parallel/runtime.GOMAXPROCS(0)))
			if parallel == 1 {
				for b.Loop() {
					upload(b, s, strconv.FormatInt(n.Add(1), 10), body)
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						upload(b, s, strconv.FormatInt(n.Add(1), 10), body)
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

func upload(b *testing.B, s *Store, name string, body []byte) {
	d, err := s.Stage(context.Background(), bytes.NewReader(body), Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Commit(context.Background(), d, note(name, d)); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkDownload(b *testing.B) {
	s := setup(b)
	const size = 1 << 30
	d, err := s.Stage(b.Context(), newStream(size), Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Commit(b.Context(), d, func(*store.Tx) error { return nil }); err != nil {
		b.Fatal(err)
	}
	for _, n := range []int64{size, 512 << 10, 64 << 10} {
		b.Run(fmt.Sprint(n>>10, "KiB"), func(b *testing.B) {
			b.SetBytes(n)
			before, off := cpu(), int64(0)
			for b.Loop() {
				r, err := s.Open(b.Context(), d.Ref())
				if err != nil {
					b.Fatal(err)
				}
				if err := r.WriteRange(b.Context(), io.Discard, off, n); err != nil {
					b.Fatal(err)
				}
				r.Close()
				off = (off + 7777777) % (size - n + 1)
			}
			perGiB(b, before, n)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ranges/s")
		})
	}
}

// BenchmarkRelease deletes 10 000 inline files in one job, which holds the writer.
func BenchmarkRelease(b *testing.B) {
	s := setup(b)
	for b.Loop() {
		b.StopTimer()
		err := s.db.Write(b.Context(), func(tx *store.Tx) error {
			for range 10_000 {
				id := newID()
				for _, q := range []string{
					"INSERT INTO object VALUES (?1, x'00', 10, 1048576, 1, 1)",
					"INSERT INTO inline VALUES (?1, zeroblob(100))",
					"INSERT INTO note VALUES (hex(randomblob(16)), ?1, x'00', 10)",
				} {
					if _, err := tx.Exec(q, id); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := s.db.Write(b.Context(), func(tx *store.Tx) error {
			return s.Release(tx, "DELETE FROM note RETURNING object, 1")
		}); err != nil {
			b.Fatal(err)
		}
	}
}
