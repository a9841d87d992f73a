//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

const gib = 1 << 30

// The aims are what specs/store.md measured of this store beside nginx, as
// ratios; the limits are those of the budgets.

func measureStart(ctx context.Context, s *suite) error {
	kept := 0.0
	dir, dirs := "", 0
	for range s.rounds + 2 {
		for _, kind := range []struct {
			name       string
			cold, anew bool
		}{{"first start, cold", true, true}, {"start, cold", true, false}, {"start, warm", false, false}, {"first start, warm", false, true}} {
			if kind.anew { // none is removed: ext4 takes long to make folders where others just were
				dirs++
				dir = s.in(fmt.Sprintf("start-%d", dirs))
			}
			for _, path := range []string{s.in("pc2d"), dir} {
				if !kind.cold || path == dir && kind.anew {
					continue
				}
				left, err := forget(path)
				if err != nil {
					return err
				}
				kept = max(kept, left)
			}
			took, err := s.startOnce(dir)
			if err != nil {
				return err
			}
			s.report.add(kind.name, "ms", series{took.Seconds() * 1000}, nil).Most = 120
		}
	}
	s.report.note("Start: from exec to the first 200 on /health. Cold: the program and the data are out of the page cache (at most %.0f %% of their pages were left); the kernel's directory entries stay.", 100*kept)
	return ctx.Err()
}

func (s *suite) startOnce(dir string) (time.Duration, error) {
	v, took, err := startPC2(pc2Config{program: s.in("pc2d"), dir: dir})
	s.runs(v)
	if err != nil {
		return 0, err
	}
	return took, v.stop()
}

func measureStreams(ctx context.Context, s *suite) error {
	for round := range s.rounds {
		name := fmt.Sprintf("big-%d", round)
		up, down := map[*server]cost{}, map[*server]cost{}
		for _, v := range s.order(round) {
			if err := s.primer.fill(); err != nil {
				return err
			}
			var err error
			if up[v], err = v.upload(s.pattern, name, s.big); err != nil {
				return err
			}
			if _, err = v.download(s.pattern, name, s.big, true); err != nil { // also warms
				return err
			}
			if down[v], err = v.download(s.pattern, name, s.big, false); err != nil {
				return err
			}
			if err := s.drop(ctx, v, name); err != nil {
				return err
			}
		}
		s.stream("upload", s.big, up[s.pc2], up[s.nginx], 0.417)
		s.stream("download", s.big, down[s.pc2], down[s.nginx], 0.709)
	}
	return ctx.Err()
}

// stream notes what a transfer of size bytes cost.
func (s *suite) stream(what string, size int64, pc2, nginx cost, aim float64) {
	name := fmt.Sprintf("%s of %s", what, bytesText(size))
	speed := func(c cost) series { return series{float64(size) / c.Wall.Seconds() / mega} }
	perGiB := func(d time.Duration) series { return series{d.Seconds() * gib / float64(size)} }
	s.report.add(name, "MB/s", speed(pc2), speed(nginx)).Aim = aim
	s.report.add(name, "CPU s/GiB", perGiB(pc2.Server), perGiB(nginx.Server))
	s.report.add(name, "client CPU s/GiB", perGiB(pc2.Client), perGiB(nginx.Client))
	s.spent(pc2)
	s.spent(nginx)
}

func bytesText(n int64) string {
	if n >= gib {
		return fmt.Sprintf("%d GiB", n/gib)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// drop removes a file again, and with it what the server has not written to the disk yet.
func (s *suite) drop(ctx context.Context, v *server, name string) error {
	if v == s.nginx {
		return os.Remove(s.in("nginx/files/" + name))
	}
	return v.call(ctx, "/delete", map[string]any{"path": "~/" + name}, nil)
}

func measureRanges(ctx context.Context, s *suite) error {
	const name = "ranges"
	for _, v := range s.order(0) {
		if _, err := v.upload(s.pattern, name, s.big); err != nil {
			return err
		}
		if _, err := v.download(s.pattern, name, s.big, true); err != nil {
			return err
		}
	}
	for round := range s.rounds {
		for _, conns := range []int{1, 8} {
			err := s.counted(round, fmt.Sprintf("64 KiB ranges, %s", connsText(conns)), aimOf(conns, 0.508, 0), func(v *server) (int64, cost, error) {
				return v.ranges(s.pattern, name, s.big, conns, s.hold)
			})
			if err != nil {
				return err
			}
		}
	}
	for _, v := range s.order(0) {
		if err := s.drop(ctx, v, name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func connsText(n int) string {
	if n == 1 {
		return "one connection"
	}
	return fmt.Sprintf("%d connections", n)
}

func aimOf(conns int, one, many float64) float64 {
	if conns == 1 {
		return one
	}
	return many
}

// counted lets both servers do the same for a while.
func (s *suite) counted(round int, name string, aim float64, work func(*server) (int64, cost, error)) error {
	rate, per, client := map[*server]series{}, map[*server]series{}, map[*server]series{}
	for _, v := range s.order(round) {
		n, c, err := work(v)
		if err != nil {
			return err
		}
		each := func(d time.Duration) series { return series{float64(d.Microseconds()) / float64(n)} }
		rate[v], per[v], client[v] = series{float64(n) / c.Wall.Seconds()}, each(c.Server), each(c.Client)
		s.spent(c)
	}
	s.report.add(name, "/s", rate[s.pc2], rate[s.nginx]).Aim = aim
	s.report.add(name, "CPU µs each", per[s.pc2], per[s.nginx])
	s.report.add(name, "client CPU µs", client[s.pc2], client[s.nginx])
	return nil
}

func measureSmall(ctx context.Context, s *suite) error {
	for round := range s.rounds {
		for _, conns := range []int{1, 8} {
			if err := s.primer.fill(); err != nil {
				return err
			}
			folder := fmt.Sprintf("small-%d-%d", round, conns)
			err := s.counted(round, fmt.Sprintf("10 KiB files, %s", connsText(conns)), aimOf(conns, 0.350, 0.549), func(v *server) (int64, cost, error) {
				return v.smallFiles(s.pattern, folder, conns, s.hold)
			})
			if err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func measureList(ctx context.Context, s *suite) error {
	const folder = "listing"
	if err := s.pc2.folderOf(s.pattern, folder, s.entries); err != nil {
		return err
	}
	if err := os.Mkdir(s.in("nginx/files/"+folder), 0o755); err != nil {
		return err
	}
	for i := range s.entries {
		if err := os.WriteFile(s.in(fmt.Sprintf("nginx/files/%s/"+smallFmt, folder, i)), s.pattern[:smallSize], 0o644); err != nil {
			return err
		}
	}
	for _, kind := range []struct {
		name, headers string
		most          float64
	}{{"", "", 30}, {", gzip", "Accept-Encoding: gzip\r\n", 0}} {
		name := fmt.Sprintf("listing of %d%s", s.entries, kind.name)
		var took, size [2]series
		for i, target := range []string{"/readdir?path=~/" + folder, "/" + folder + "/"} {
			v := []*server{s.pc2, s.nginx}[i]
			if i == 1 && kind.headers != "" {
				break // it does not compress
			}
			c, err := v.dial()
			if err != nil {
				return err
			}
			defer c.close()
			for range 4 + 4*s.rounds {
				d, n, err := v.list(c, target, kind.headers)
				if err != nil {
					return err
				}
				took[i], size[i] = append(took[i], d.Seconds()*1000), series{float64(n) / mega}
			}
			took[i] = took[i][4:] // the first ones warm
		}
		s.report.add(name, "ms", took[0], took[1]).Most = kind.most
		s.report.add(name, "MB", size[0], size[1])
	}
	return ctx.Err()
}

func measureMemory(ctx context.Context, s *suite) error {
	if err := s.resident("RSS peak", "VmHWM", 0); err != nil {
		return err
	}
	pause(ctx, 3*time.Second)
	return s.resident("RSS 3 s after load", "VmRSS", 0)
}
