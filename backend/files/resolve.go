package files

import (
	"encoding/json"
	"fmt"

	"pc2/backend/store"
)

// Each of these yields an entry and the folders it lies in, the home first, in
// one statement.
const (
	// walkFromHome starts at the home of ?1 and follows the names whose keys are the
	// JSON array ?2, as far as they exist.
	walkFromHome = `WITH RECURSIVE walk (id, depth) AS (
			SELECT id, 0 FROM entries WHERE wallet_address = ?1 AND parent_id IS NULL` + walkDown

	// walkFromID starts at the entry with the id ?1.
	walkFromID = `WITH RECURSIVE walk (id, depth) AS (
			SELECT ?1, 0` + walkDown

	walkDown = `
			UNION ALL
			SELECT e.id, walk.depth + 1 FROM walk CROSS JOIN entries e ON e.parent_id = walk.id AND e.name_key = (?2 ->> walk.depth)
		)` + walked + `walk.depth`

	// walkUp ends at the entry with the uid ?1.
	walkUp = `WITH RECURSIVE walk (id, parent_id, height) AS (
			SELECT id, parent_id, 0 FROM entries WHERE uid = ?1
			UNION ALL
			SELECT e.id, e.parent_id, walk.height + 1 FROM walk CROSS JOIN entries e ON e.id = walk.parent_id
		)` + walked + `walk.height DESC`

	walked = `
		SELECT ` + columns + ` FROM walk CROSS JOIN entries e ON e.id = walk.id ORDER BY `
)

// place is what a selector leads to.
type place struct {
	root  bool     // "/"
	gone  bool     // the uid that the names go from does not exist
	found chain    // what exists on the way; empty when not even the home does, or may be seen
	rest  []string // names that do not exist, as given
	name  string   // the entry's own name as given; "" when it was not
}

// exists says whether the selected entry itself is there ("/" does not count).
func (p place) exists() bool { return len(p.found) > 0 && len(p.rest) == 0 }

// resolve follows a selector as far as there are entries that a may see. It
// takes one query, or two for names under a uid.
func resolve(q store.Queryer, a Actor, s Selector) (place, error) {
	switch {
	case s.uid != "":
		return resolveUID(q, a, s)
	case s.path == Path{}:
		return place{}, errNoSubject
	case s.path.IsRoot():
		return place{root: true}, nil
	}
	names := s.path.Names()
	home, ok := s.path.Home()
	if !ok || !a.sees(home) {
		return place{rest: names}, nil
	}
	found, err := walk(q, walkFromHome, home, keys(names[1:]))
	if err != nil {
		return place{}, err
	}
	return place{found: found, rest: names[len(found):], name: s.path.Base()}, nil
}

func resolveUID(q store.Queryer, a Actor, s Selector) (place, error) {
	nowhere := place{gone: true, rest: s.below}
	if len(s.uid) != len(RootUID) {
		return nowhere, nil
	}
	found, err := walk(q, walkUp, s.uid)
	if err != nil {
		return place{}, err
	}
	if len(found) == 0 || !a.sees(found.owner()) {
		return nowhere, nil
	}
	if len(s.below) == 0 {
		return place{found: found}, nil
	}
	down, err := walk(q, walkFromID, found.last().id, keys(s.below))
	if err != nil {
		return place{}, err
	}
	if len(down) == 0 { // gone since the first query
		return nowhere, nil
	}
	return place{found: append(found, down[1:]...), rest: s.below[len(down)-1:], name: s.below[len(s.below)-1]}, nil
}

// find is resolve for an entry that is to be changed or copied.
func find(q store.Queryer, a Actor, s Selector) (chain, error) {
	p, err := resolve(q, a, s)
	if err != nil {
		return nil, err
	}
	if p.root {
		return nil, ErrImmutable
	}
	if !p.exists() {
		return nil, ErrNotFound
	}
	return p.found, nil
}

func walk(q store.Queryer, query string, args ...any) (chain, error) {
	rows, err := q.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("resolve: %w", err)
	}
	defer rows.Close()
	var c chain
	for rows.Next() {
		c = append(c, row{})
		if err := c.last().scan(rows); err != nil {
			return nil, fmt.Errorf("resolve: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("resolve: %w", err)
	}
	return c, nil
}

// keys is the JSON array of what names are compared by.
func keys(names []string) string {
	k := make([]string, len(names))
	for i, n := range names {
		k[i] = nameKey(n)
	}
	b, err := json.Marshal(k) // cannot fail: strings
	if err != nil {
		panic(err)
	}
	return string(b)
}
