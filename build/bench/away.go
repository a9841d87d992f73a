//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// measureByName is the real node with its store, by its public name, beside
// nginx's files through another nginx.
func measureByName(ctx context.Context, s *suite) error {
	for round := range s.rounds {
		name := fmt.Sprintf("named-%d", round)
		up, down := map[*server]cost{}, map[*server]cost{}
		for _, v := range turn(round, s.byName, s.twoHops) {
			if err := s.primer.fill(); err != nil {
				return err
			}
			var err error
			if up[v], err = v.upload(s.pattern, name, s.big); err != nil {
				return err
			}
			if _, err = v.download(s.pattern, name, s.big, true); err != nil {
				return err
			}
			if down[v], err = v.download(s.pattern, name, s.big, false); err != nil {
				return err
			}
			if err := s.drop(ctx, map[*server]*server{s.byName: s.pc2, s.twoHops: s.nginx}[v], name); err != nil {
				return err
			}
		}
		s.stream("upload by name", s.big, up[s.byName], up[s.twoHops], 0)
		s.stream("download by name", s.big, down[s.byName], down[s.twoHops], 0)
	}
	s.report.note("By name: pc2d with its store, through gateway and relay of the super node in its process; beside files of nginx through another nginx with TLS between.")
	return ctx.Err()
}

// turn lets everybody begin once.
func turn(round int, all ...*server) []*server {
	k := round % len(all)
	return append(append([]*server(nil), all[k:]...), all[:k]...)
}

// road is what one road took in one round.
type road struct {
	wall, cpu, client map[string]float64 // of each stream test
	rate, each        float64            // of small requests
	median, late      float64            // ms, at a fixed pace
}

const pace = 200 // requests a second

func measureAway(ctx context.Context, s *suite) error {
	r, err := s.startRoads(ctx, s.in("roads"))
	if err != nil {
		return err
	}
	for round := range s.rounds {
		if err := s.primer.fill(); err != nil {
			return err
		}
		took := map[*server]*road{}
		for _, v := range turn(round, append(r.all(), r.direct)...) {
			if took[v], err = s.travel(v, v == r.direct, v != r.mapped); err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
		}
		s.compare(r, took)
	}
	s.report.note("Roads: the home answers from memory; its CPU time is counted with the road's, the client's is not. Relay: pc2super's relay and its client in the home, no gateway; by name: pc2super's gateway and relay. nginx: two of them, TLS 1.3 between, HTTP to visitor and home. ssh -R: sshd and ssh, their default cipher. Plain TCP: a Go program that copies (splices) without encryption.")
	s.report.note("Added: at %d requests of 1 KiB a second over 8 connections, how much longer than straight to the home.", pace)
	if r.ssh == nil {
		s.report.note("ssh -R is not measured: there is no sshd here; build/setup.sh bench installs it.")
	}
	return errors.Join(ctx.Err(), s.stopRoads(r))
}

// travel measures one road.
func (s *suite) travel(v *server, direct, paced bool) (*road, error) {
	t := &road{wall: map[string]float64{}, cpu: map[string]float64{}, client: map[string]float64{}}
	p := steadyPattern()
	note := func(what string, size int64, c cost, err error) error {
		t.wall[what] = float64(size) / c.Wall.Seconds() / mega
		t.cpu[what] = c.Server.Seconds() * gib / float64(size)
		t.client[what] = c.Client.Seconds() * gib / float64(size)
		s.spent(c)
		return err
	}
	if !direct {
		if _, err := v.download(p, strconv.FormatInt(s.big/16, 10), s.big/16, true); err != nil { // warms, and looks at each byte
			return nil, err
		}
		for _, streams := range []int{1, 8} {
			for _, up := range []bool{false, true} {
				c, err := v.streams(p, streams, s.big/2, up)
				if err := note(streamsText(streams, up), s.big/2, c, err); err != nil {
					return nil, err
				}
			}
		}
	}
	n, c, err := v.repeat(32, s.hold, math.MaxInt64, func(c *conn, _ int64) error { return v.one(c) })
	if err != nil {
		return nil, err
	}
	s.spent(c)
	t.rate, t.each = float64(n)/c.Wall.Seconds(), float64(c.Server.Microseconds())/float64(n)
	if paced {
		late, err := v.paced(pace, 3*s.hold)
		if err != nil {
			return nil, err
		}
		t.median, t.late = late.median(), late.quantile(0.99)
	}
	return t, nil
}

func streamsText(streams int, up bool) string {
	way := map[bool]string{false: "download", true: "upload"}[up]
	if streams == 1 {
		return way + ", 1 stream"
	}
	return fmt.Sprintf("%s, %d streams", way, streams)
}

// compare notes a round.
func (s *suite) compare(r *roads, took map[*server]*road) {
	of := func(v *server, f func(*road) float64) series {
		if v == nil || took[v] == nil {
			return nil
		}
		return series{f(took[v])}
	}
	row := func(name, unit string, own *server, f func(*road) float64) *figure {
		g := s.report.add(name, unit, of(own, f), of(r.nginx, f)).beside(of(r.ssh, f), of(r.tcp, f))
		g.Away = true
		return g
	}
	for _, own := range []*server{r.mapped, r.name} {
		way := map[*server]string{r.mapped: "relay: ", r.name: "by name: "}[own]
		for _, streams := range []int{1, 8} {
			for _, up := range []bool{false, true} {
				what := streamsText(streams, up)
				speed := row(way+what, "MB/s", own, func(t *road) float64 { return t.wall[what] })
				cpu := row(way+what, "CPU s/GiB", own, func(t *road) float64 { return t.cpu[what] })
				row(way+what, "client CPU s/GiB", own, func(t *road) float64 { return t.client[what] })
				if own == r.mapped && streams == 1 {
					speed.Least, cpu.Most = 400, 3.4
				}
			}
		}
		rate := row(way+"1 KiB, 32 connections", "/s", own, func(t *road) float64 { return t.rate })
		row(way+"1 KiB, 32 connections", "CPU µs each", own, func(t *road) float64 { return t.each })
		if own == r.name {
			rate.Least = 15000
		}
	}
	row("by name: added at 200/s, median", "ms", r.name, func(t *road) float64 { return t.median - took[r.direct].median })
	row("by name: added at 200/s, 99 %", "ms", r.name, func(t *road) float64 { return t.late - took[r.direct].late }).MostRatio = 1.5
}

// streams moves size bytes over that many connections at once.
func (s *server) streams(pattern []byte, streams int, size int64, up bool) (cost, error) {
	share := size / int64(streams)
	name := strconv.FormatInt(share, 10)
	var open []*conn
	for range streams {
		c, err := s.dial()
		if err != nil {
			return cost{}, err
		}
		defer c.close()
		open = append(open, c)
	}
	m, err := startMeter(s.pids())
	if err != nil {
		return cost{}, err
	}
	var wg sync.WaitGroup
	errs := make([]error, streams)
	for k, c := range open {
		wg.Go(func() {
			if up {
				status, err := c.put(s.write+name, pattern, share)
				errs[k] = ok(status, err, 204)
				return
			}
			got := int64(0)
			status, err := c.get(s.read+name, "", func(b []byte) error { got += int64(len(b)); return nil })
			if errs[k] = ok(status, err, 200); errs[k] == nil && got != share {
				errs[k] = fmt.Errorf("%d of %d bytes", got, share)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return cost{}, err
	}
	return m.stop()
}

// one asks for 1 KiB.
func (s *server) one(c *conn) error {
	got := 0
	status, err := c.get("/1k", "", func(b []byte) error { got += len(b); return nil })
	if err := ok(status, err, 200); err != nil {
		return err
	}
	if got != kib {
		return fmt.Errorf("%d bytes instead of 1 KiB", got)
	}
	return nil
}

// paced asks that many times a second, over 8 connections, and says how long each
// answer took, in milliseconds. A request that has to wait for the one before it
// on its connection is late from when it was due.
func (s *server) paced(rate int, d time.Duration) (series, error) {
	const conns = 8
	gap := time.Second * conns / time.Duration(rate)
	took, errs := make([]series, conns), make([]error, conns)
	var wg sync.WaitGroup
	began := time.Now()
	for k := range conns {
		c, err := s.dial()
		if err != nil {
			return nil, err
		}
		defer c.close()
		if err := s.one(c); err != nil {
			return nil, err
		}
		wg.Go(func() {
			due := time.Now().Add(gap * time.Duration(k) / conns)
			for ; due.Sub(began) < d; due = due.Add(gap) {
				from := due
				if wait := time.Until(due); wait > 0 {
					time.Sleep(wait)
					from = time.Now() // how late we wake is our own affair
				}
				if errs[k] = s.one(c); errs[k] != nil {
					return
				}
				took[k] = append(took[k], time.Since(from).Seconds()*1000)
			}
		})
	}
	wg.Wait()
	var all series
	for _, t := range took {
		all = append(all, t...)
	}
	return all, errors.Join(errs...)
}

// measureIdle is what a connection costs that says nothing: each road with
// processes of its own, because none gives memory back at once.
func measureIdle(ctx context.Context, s *suite) error {
	const connections, tunnels, devices = 400, 100, 100
	kinds := []struct {
		name, unit string
		own        func(*roads) *server
		n          int
	}{
		{"idle connection of a visitor by name", "KiB", func(r *roads) *server { return r.name }, connections},
		{"idle tunnel through the relay", "KiB", func(r *roads) *server { return r.mapped }, tunnels},
	}
	for i, kind := range kinds {
		var row [4]series
		for k, of := range []func(*roads) *server{kind.own, func(r *roads) *server { return r.nginx }, func(r *roads) *server { return r.ssh }, func(r *roads) *server { return r.tcp }} {
			r, err := s.startRoads(ctx, s.in(fmt.Sprintf("idle-%d-%d", i, k)))
			if err != nil {
				return err
			}
			if v := of(r); v != nil {
				each, err := v.idle(ctx, kind.n)
				if err != nil {
					return fmt.Errorf("%s: %w", v.name, err)
				}
				row[k] = series{each}
			}
			if err := s.stopRoads(r); err != nil {
				return err
			}
		}
		s.report.add(kind.name, kind.unit, row[0], row[1]).beside(row[2], row[3]).Away = true
	}
	each, err := s.idleDevices(ctx, s.in("idle-devices"), devices)
	if err != nil {
		return err
	}
	s.report.add("idle device at the relay", "KiB", series{each}, nil).Away = true
	s.report.note("Idle: anonymous memory of all processes of the road and of the home, by connection, %d of them (tunnels: %d) after one request of 1 KiB each; sockets' buffers in the kernel are not in it. Device: pc2super's alone, for a session that keeps its spare connections, %d of them.", connections, tunnels, devices)
	return ctx.Err()
}

// idle opens n connections, asks once on each, and says how many KiB each took.
func (s *server) idle(ctx context.Context, n int) (float64, error) {
	open := func() (*conn, error) {
		c, err := s.dial()
		if err == nil {
			err = s.one(c)
		}
		return c, err
	}
	for range 8 {
		c, err := open()
		if err != nil {
			return 0, err
		}
		c.close()
	}
	pause(ctx, 2*time.Second)
	before, err := memoryOf(s.pids(), "RssAnon")
	if err != nil {
		return 0, err
	}
	for range n {
		c, err := open()
		if err != nil {
			return 0, err
		}
		defer c.close()
	}
	pause(ctx, 2*time.Second)
	after, err := memoryOf(s.pids(), "RssAnon")
	return (after - before) * 1024 / float64(n), err
}

// idleDevices is what a device costs the super node that nobody visits.
func (s *suite) idleDevices(ctx context.Context, dir string, n int) (float64, error) {
	r, err := s.startRoads(ctx, dir)
	if err != nil {
		return 0, err
	}
	pause(ctx, 2*time.Second)
	before, err := memoryOf(r.super.pids(), "RssAnon")
	if err != nil {
		return 0, err
	}
	many, _, err := s.role(ctx, dir, "devices", filepath.Join(dir, "super.json"), strconv.Itoa(n))
	if err != nil {
		return 0, err
	}
	pause(ctx, 2*time.Second)
	after, err := memoryOf(r.super.pids(), "RssAnon")
	return (after - before) * 1024 / float64(n), errors.Join(err, many.stop(), s.stopRoads(r))
}
