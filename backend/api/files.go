package api

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"

	"pc2/backend/fault"
	"pc2/backend/files"
)

func (c *call) actor() files.Actor {
	return files.Actor{Wallet: c.who.User.Wallet, Admin: c.who.Role.IsAdmin()}
}

// origin is the mark by which a client knows its own changes among the events.
func (c *call) mark() string {
	m, err := c.fields.text("original_client_socket_id", "socket_id")
	if err != nil || len(m) > 128 {
		return ""
	}
	return m
}

var uidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`)

// target reads a text that names where something is going to be: a path, a uid,
// or a path below the home.
func (c *call) target(s string) (files.Selector, error) {
	if uidForm.MatchString(s) {
		return files.ByUID(s), nil
	}
	p, err := files.ParsePath(c.who.User.Wallet, s)
	return files.At(p), err
}

// selectorOf reads one selector: a text, or an object with path, uid, uuid, id or
// parent and name.
func (c *call) selectorOf(v any, key string) (files.Selector, error) {
	switch v := v.(type) {
	case string:
		return files.ParseSelector(c.who.User.Wallet, v)
	case map[string]any:
		for _, k := range []string{"path", "uid", "uuid", "id"} {
			if t, ok := v[k].(string); ok && t != "" {
				if k == "path" {
					return c.target(t)
				}
				return files.ByUID(t), nil
			}
		}
		name, ok := v["name"].(string)
		if parent := v["parent"]; ok && parent != nil {
			s, err := c.selectorOf(parent, key)
			if err != nil {
				return s, err
			}
			if err := files.CheckName(name); err != nil {
				return s, err
			}
			return s.Under(name)
		}
	}
	return files.Selector{}, invalid(key, "a path, a uid or a selector")
}

// selector reads the first of the names that is given.
func (c *call) selector(names ...string) (files.Selector, error) {
	v, name, ok := c.fields.find(names)
	if !ok || v == "" {
		return files.Selector{}, missing(names[0])
	}
	if t, isText := v.(string); isText && (name == "uid" || name == "uuid") {
		return files.ByUID(t), nil
	} else if isText && name == "path" {
		return c.target(t)
	}
	return c.selectorOf(v, name)
}

func (s *Server) stat(c *call) error {
	sel, err := c.selector("subject", "path", "uid", "uuid", "file")
	if err != nil {
		return err
	}
	size, err := c.fields.flag(false, "return_size")
	if err != nil {
		return err
	}
	e, err := s.cfg.Files.Stat(c.Context(), c.actor(), sel, files.StatOptions{Size: size})
	if err != nil {
		return err
	}
	more := ""
	if versions, _ := c.fields.flag(false, "return_versions"); versions {
		more = `"versions":[]`
	}
	if shares, _ := c.fields.flag(false, "return_shares"); shares {
		more = join(more, `"shares":[]`)
	} else if permissions, _ := c.fields.flag(false, "return_permissions"); permissions {
		more = join(more, `"shares":{"users":[],"apps":[]}`)
	}
	if size && e.IsDir {
		more = join(more, `"size":`+strconv.FormatInt(e.Size, 10))
		e.Size = 0
	}
	return c.entry(e, more)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "," + b
}

func (s *Server) readdir(c *call) error {
	sel, err := c.selector("path", "uid", "uuid", "subject")
	if err != nil {
		return err
	}
	var o files.ListOptions
	paged, err := c.listOptions(&o)
	if err != nil {
		return err
	}
	l := &listing{c: c, paged: paged, total: o.Total}
	defer l.abandon()
	o.Part = l.add
	page, err := s.cfg.Files.List(c.Context(), c.actor(), sel, o)
	return l.end(page, err)
}

// listOptions reads what /readdir takes. paged: the answer is an object.
func (c *call) listOptions(o *files.ListOptions) (paged bool, err error) {
	limit, err := c.fields.number(0, "limit")
	if err != nil {
		return false, err
	}
	if c.fields.has("limit") && (limit < 1 || limit > 1000) {
		return false, invalid("limit", "between 1 and 1000")
	}
	offset, err := c.fields.number(0, "offset")
	if err != nil {
		return false, err
	}
	if offset < 0 || offset > 1<<31-1 {
		return false, invalid("offset", "0 or more")
	}
	if o.Cursor, err = c.fields.text("cursor"); err != nil {
		return false, err
	}
	if o.SortBy, err = c.fields.text("sortBy", "sort_by"); err != nil {
		return false, err
	}
	order, err := c.fields.text("sortOrder", "sort_order")
	if err != nil {
		return false, err
	}
	switch order {
	case "", "asc":
	case "desc":
		o.Desc = true
	default:
		return false, invalid("sortOrder", "asc or desc")
	}
	if o.Total, err = c.fields.flag(false, "includeTotal"); err != nil {
		return false, err
	}
	o.Limit, o.Offset = int(limit), int(offset)
	_, named := c.fields.body["cursor"]
	paged = named || c.fields.query.Has("cursor") || o.Total
	if paged && o.Limit == 0 {
		o.Limit = 1000
	}
	if o.Desc && o.SortBy == "" {
		o.SortBy = "name"
	}
	return paged, nil
}

func (s *Server) mkdir(c *call) error {
	req := files.MkdirRequest{Origin: c.mark()}
	var err error
	if req.To, err = c.mkdirTarget(); err != nil {
		return err
	}
	for _, f := range []struct {
		to    *bool
		names []string
		def   bool
	}{
		{&req.Overwrite, []string{"overwrite"}, false},
		{&req.DedupeName, []string{"dedupe_name", "change_name"}, false},
		{&req.CreateParents, []string{"create_missing_parents", "create_missing_ancestors"}, c.URL.Path == "/api/files/mkdir"},
	} {
		if *f.to, err = c.fields.flag(f.def, f.names...); err != nil {
			return err
		}
	}
	e, err := s.cfg.Files.Mkdir(c.Context(), c.actor(), req)
	if errors.Is(err, files.ErrRoot) { // 403 here, 400 where files are written: clients know it so
		denied := *files.ErrRoot
		denied.Kind = fault.Denied
		return &denied
	}
	if err != nil {
		return err
	}
	return c.entry(e, "")
}

func (c *call) mkdirTarget() (files.Selector, error) {
	p, err := c.fields.text("path")
	if err != nil {
		return files.Selector{}, err
	}
	if p == "" {
		return files.Selector{}, missing("path")
	}
	if !c.fields.has("parent") {
		at, err := files.ParsePath(c.who.User.Wallet, p)
		return files.At(at), err
	}
	v, _, _ := c.fields.find([]string{"parent"})
	parent, err := c.selectorOf(v, "parent")
	if err != nil {
		return parent, err
	}
	return parent.Under(p)
}

// removeSubjects are the entries that /delete names, in any of its four ways.
func (c *call) removeSubjects() ([]files.Selector, error) {
	var list []any
	for _, name := range []string{"paths", "items"} {
		if v, ok := c.fields.body[name].([]any); ok {
			list = append(list, v...)
		} else if c.fields.body[name] != nil {
			return nil, invalid(name, "a list")
		}
	}
	if list == nil {
		sel, err := c.selector("paths", "path", "uid", "uuid")
		return []files.Selector{sel}, err
	}
	if len(list) == 0 {
		return nil, missing("paths")
	}
	out := make([]files.Selector, len(list))
	for i, v := range list {
		var err error
		if out[i], err = c.selectorOf(v, "paths"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Server) remove(c *call) error {
	req := files.DeleteRequest{Origin: c.mark()}
	var err error
	if req.Entries, err = c.removeSubjects(); err != nil {
		return err
	}
	if req.Recursive, err = c.fields.flag(true, "recursive"); err != nil {
		return err
	}
	if req.DescendantsOnly, err = c.fields.flag(false, "descendants_only"); err != nil {
		return err
	}
	removed, err := s.cfg.Files.Delete(c.Context(), c.actor(), req)
	if err != nil {
		return err
	}
	out := make([]map[string]any, len(removed))
	for i, e := range removed {
		out[i] = map[string]any{"ok": true, "uid": e.UID, "path": e.Path.String(), "trashed": false}
	}
	return c.ok(out)
}

func (s *Server) rename(c *call) error {
	sel, err := c.selector("path", "uid", "uuid")
	if err != nil {
		return err
	}
	name, err := c.fields.text("new_name", "newName")
	if err != nil {
		return err
	}
	if name == "" {
		return missing("new_name")
	}
	m, err := s.cfg.Files.Rename(c.Context(), c.actor(), files.RenameRequest{Entry: sel, NewName: name, Origin: c.mark()})
	if err != nil {
		return err
	}
	return c.entry(m.Entry, string(appendText([]byte(`"success":true,"old_path":`), m.OldPath.String())))
}

func (s *Server) touch(c *call) error {
	req := files.TouchRequest{Origin: c.mark()}
	var err error
	if req.To, err = c.selector("path", "uid", "uuid"); err != nil {
		return err
	}
	for name, to := range map[string]*bool{"create_missing_parents": &req.CreateParents, "set_modified": &req.SetModified, "set_accessed": &req.SetAccessed, "set_created": &req.SetCreated} {
		if *to, err = c.fields.flag(false, name); err != nil {
			return err
		}
	}
	e, err := s.cfg.Files.Touch(c.Context(), c.actor(), req)
	if err != nil {
		return err
	}
	return c.entry(e, "")
}

func (s *Server) df(c *call) error {
	used, capacity, err := s.cfg.Files.Usage(c.Context(), c.who.User.Wallet)
	if err != nil {
		return err
	}
	percent := 0.0
	if capacity > 0 {
		percent = min(100, float64(used)*100/float64(capacity))
	}
	return c.ok(map[string]any{"used": used, "capacity": capacity, "total": capacity, "available": max(0, capacity-used), "percentage": percent})
}

func (s *Server) lastChange(c *call) error {
	ms := s.cfg.Started.UnixMilli()
	if c.who.Session.ID != "" {
		changed, err := s.cfg.Files.LastChange(c.Context(), c.who.User.Wallet)
		if err != nil {
			return err
		}
		if changed > 0 {
			ms = changed
		}
	}
	return c.ok(map[string]any{"timestamp": ms})
}

// directories maps the default folders of the caller's home to their uids.
func (c *call) directories() (map[string]string, error) {
	home, err := files.ParsePath(c.who.User.Wallet, "~")
	if err != nil {
		return nil, err
	}
	page, err := c.s.cfg.Files.List(c.Context(), c.actor(), files.At(home), files.ListOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range page.Items {
		if e.Immutable {
			out[e.Path.String()] = e.UID
		}
	}
	return out, nil
}

// metadata reads an object, or the text of one.
func (c *call) metadata(name string) (*string, error) {
	v, _, ok := c.fields.find([]string{name})
	if !ok {
		return nil, nil
	}
	if t, isText := v.(string); isText {
		return &t, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, invalid(name, "an object")
	}
	t := string(b)
	return &t, nil
}
