package api

import (
	"encoding/json"

	"pc2/backend/files"
)

// move takes the forms that clients know: {source, destination, new_name?},
// {from, to} as whole paths, and {items, destination}.
func (s *Server) move(c *call) error {
	if items, ok := c.fields.body["items"].([]any); ok {
		return s.moveMany(c, items)
	}
	req, err := c.moveRequest()
	if err != nil {
		return err
	}
	m, err := s.cfg.Files.Move(c.Context(), c.actor(), req)
	if err != nil {
		return err
	}
	return c.ok(moved(m))
}

func (c *call) moveRequest() (req files.MoveRequest, err error) {
	from := "source"
	if c.fields.has("from") && !c.fields.has("source") {
		from = "from"
	}
	if req.From, err = c.selector(from); err != nil {
		return req, err
	}
	if from == "from" { // a whole new path: its folder and its name
		to, err := c.fields.text("to")
		if err != nil {
			return req, err
		}
		if to == "" {
			return req, missing("to")
		}
		p, err := files.ParsePath(c.who.User.Wallet, to)
		if err != nil {
			return req, err
		}
		req.To, req.NewName = files.At(p.Dir()), p.Base()
	} else {
		v, _, ok := c.fields.find([]string{"destination"})
		if !ok {
			return req, missing("destination")
		}
		if req.To, err = c.selectorOf(v, "destination"); err != nil {
			return req, err
		}
		if req.NewName, err = c.fields.text("new_name", "newName"); err != nil {
			return req, err
		}
	}
	if req.Metadata, err = c.metadata("new_metadata"); err != nil {
		return req, err
	}
	req.Origin = c.mark()
	for name, to := range map[string]*bool{"overwrite": &req.Overwrite, "dedupe_name": &req.DedupeName, "create_missing_parents": &req.CreateParents} {
		if *to, err = c.fields.flag(false, name); err != nil {
			return req, err
		}
	}
	return req, nil
}

func moved(m files.MoveResult) map[string]any {
	out := map[string]any{"moved": entry(m.Entry, ""), "old_path": m.OldPath.String(), "success": true, "from": m.OldPath.String(), "to": m.Entry.Path.String()}
	if m.Overwritten != nil {
		out["overwritten"] = entry(*m.Overwritten, "")
	}
	return out
}

// maxMany bounds a list of moves: each is a transaction of its own.
const maxMany = 1000

// moveMany moves one after the other and stops at the first that cannot be moved.
func (s *Server) moveMany(c *call, items []any) error {
	if len(items) == 0 || len(items) > maxMany {
		return invalid("items", "a list of 1 to 1000 entries")
	}
	v, _, ok := c.fields.find([]string{"destination"})
	if !ok {
		return missing("destination")
	}
	to, err := c.selectorOf(v, "destination")
	if err != nil {
		return err
	}
	from := make([]files.Selector, len(items))
	for i, item := range items {
		if from[i], err = c.selectorOf(item, "items"); err != nil {
			return err
		}
	}
	overwrite, err := c.fields.flag(false, "overwrite")
	if err != nil {
		return err
	}
	out := make([]map[string]any, len(from))
	for i, sel := range from {
		m, err := s.cfg.Files.Move(c.Context(), c.actor(), files.MoveRequest{From: sel, To: to, Overwrite: overwrite, Origin: c.mark()})
		if err != nil {
			return err
		}
		out[i] = moved(m)
	}
	return c.ok(out)
}

func (s *Server) copy(c *call) error {
	req := files.CopyRequest{Origin: c.mark()}
	var err error
	if req.From, err = c.selector("source"); err != nil {
		return err
	}
	v, _, ok := c.fields.find([]string{"destination"})
	if !ok {
		return missing("destination")
	}
	if req.To, err = c.selectorOf(v, "destination"); err != nil {
		return err
	}
	if req.NewName, err = c.fields.text("new_name", "newName"); err != nil {
		return err
	}
	for name, to := range map[string]*bool{"overwrite": &req.Overwrite, "dedupe_name": &req.DedupeName, "create_missing_parents": &req.CreateParents} {
		if *to, err = c.fields.flag(false, name); err != nil {
			return err
		}
	}
	r, err := s.cfg.Files.Copy(c.Context(), c.actor(), req)
	if err != nil {
		return err
	}
	out := map[string]json.RawMessage{"copied": entry(r.Entry, "")}
	if r.Overwritten != nil {
		out["overwritten"] = entry(*r.Overwritten, "")
	}
	return c.ok([]any{out})
}
