package portmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// search is one Map under way.
type search struct {
	client *Client
	router router
	ask    ask
	later  []offer // not public, as far as they say
	inside bool    // the router said that its address is not public
	public bool    // or that one is
	errs   []error
}

// run probes all methods at once and takes the first offer of a public address,
// else the best of the others when all have answered.
func (s *search) run(ctx context.Context) (*Mapping, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	probing, enough := context.WithCancel(ctx)
	offers, failures := s.probe(probing)
	m := s.choose(ctx, offers)
	enough()
	for range offers { // until the probes have ended
	}
	for err := range failures {
		s.errs = append(s.errs, err)
	}
	if m == nil {
		m = s.second(ctx)
	}
	if m != nil {
		return m, nil
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	err := errors.Join(s.errs...)
	if errors.Is(err, ErrRefused) && s.inside && !s.public {
		return nil, fmt.Errorf("%w: %w", ErrBehind, err)
	}
	if errors.Is(err, ErrRefused) {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNone, cmp.Or(err, errors.New("nothing answers")))
}

// probe starts the probes. Both channels are closed when the last has ended.
func (s *search) probe(ctx context.Context) (<-chan offer, <-chan error) {
	probes := []func(context.Context, router, func(offer)) error{s.client.probePCP, s.client.probeNATPMP, s.client.probeUPnP}
	offers, failures := make(chan offer), make(chan error, len(probes))
	var all sync.WaitGroup
	for _, probe := range probes {
		all.Go(func() {
			err := probe(ctx, s.router, func(o offer) {
				select {
				case offers <- o:
				case <-ctx.Done():
				}
			})
			if err != nil {
				failures <- err
			}
		})
	}
	go func() {
		all.Wait()
		close(offers)
		close(failures)
	}()
	return offers, failures
}

// choose takes offers as they come, those of the first moment in order of
// preference, until one gives a public address or no more come.
func (s *search) choose(ctx context.Context, offers <-chan offer) *Mapping {
	var ready []offer
	settle := time.NewTimer(time.Hour)
	defer settle.Stop()
	for open := true; open; {
		select {
		case o, ok := <-offers:
			if open = ok; !ok {
				break
			}
			p, said := o.promise()
			if p.IsValid() && !public(p) {
				s.inside = s.inside || said
				s.later = append(s.later, o)
				continue
			}
			s.public = s.public || public(p)
			ready = append(ready, o)
			switch {
			case o.method().rank() == 0: // nothing better can come
			case len(ready) == 1:
				settle.Reset(settleTime)
				continue
			default:
				continue
			}
		case <-settle.C:
		}
		slices.SortStableFunc(ready, func(a, b offer) int { return a.method().rank() - b.method().rank() })
		for _, o := range ready {
			if m := s.take(ctx, o, true); m != nil {
				return m
			}
		}
		ready = nil
	}
	return nil
}

// second takes what is left: a router behind another router, or one that does
// not know its address.
func (s *search) second(ctx context.Context) *Mapping {
	slices.SortStableFunc(s.later, func(a, b offer) int {
		return cmp.Or(unspecified(a)-unspecified(b), a.method().rank()-b.method().rank())
	})
	for _, o := range s.later {
		if m := s.take(ctx, o, false); m != nil {
			return m
		}
	}
	return nil
}

func unspecified(o offer) int {
	if a, _ := o.promise(); a.IsUnspecified() {
		return 1
	}
	return 0
}

// take adds the mapping. One that turns out not to be public when it should be
// is given back and kept for later.
func (s *search) take(ctx context.Context, o offer, wantPublic bool) *Mapping {
	if ctx.Err() != nil {
		return nil
	}
	g, err := o.add(ctx, s.ask)
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s: %w", o.method(), clipped(err)))
		if ctx.Err() != nil { // it may have been added all the same
			s.undo(ctx, o, grant{external: netip.AddrPortFrom(netip.IPv4Unspecified(), s.ask.want)})
		}
		return nil
	}
	if wantPublic && !public(g.external.Addr()) {
		s.undo(ctx, o, g)
		s.inside = true
		s.later = append(s.later, o)
		return nil
	}
	return newMapping(s.client, s.router.gw, o, s.ask, g)
}

func (s *search) undo(ctx context.Context, o offer, g grant) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if err := o.remove(ctx, s.ask, g); err != nil {
		s.client.log.Debug("mapping not given back", "method", o.method(), "err", clipped(err))
	}
}
