package api

import "context"

type live struct{}

func newLive(*Server) (*live, error)        { return &live{}, nil }
func (*live) run(ctx context.Context) error { <-ctx.Done(); return nil }
func (s *Server) socket(c *call) error      { return errNoRoute }
