package files

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pc2/backend/store"
	"pc2/backend/wallet"
)

// No query reads the whole table: each finds its rows by an index, whatever else
// the tree holds.
func TestQueriesUseIndexes(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "pc2.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	queries := map[string]string{
		"by path": walkFromHome, "by uid": walkUp, "below a uid": walkFromID,
		"sum": deleting.sum, "parents": deleting.folders, "delete": deleting.delete,
		"sum below": emptying.sum, "folders": emptying.folders, "delete below": emptying.delete,
		"extent": allBelow, "extent of folders": foldersBelow,
	}
	for _, by := range sorts() {
		for _, desc := range []bool{false, true} {
			for _, cursor := range []string{"", "x"} {
				for folder, a := range map[int64]Actor{1: {}, 0: {Wallet: wallet.Address{1}}} {
					p := &Page{Folder: Entry{ID: folder}}
					q, _ := p.query(a, ListOptions{Cursor: cursor, Limit: 5}, order{By: by, Desc: desc})
					queries[fmt.Sprintf("list %d by %s %v %s", folder, by, desc, cursor)] = q
				}
			}
		}
	}
	for name, q := range queries {
		args := []any{1, 1} // ?1 and ?2, as far as there are
		switch {
		case strings.Contains(q, "?2"):
		case strings.Contains(q, "?1"):
			args = args[:1]
		default:
			args = slices.Repeat(args[:1], strings.Count(q, "?"))
		}
		rows, err := db.Read(t.Context()).Query("EXPLAIN QUERY PLAN "+q, args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
			if strings.HasPrefix(detail, "SCAN entries") || strings.HasPrefix(detail, "SCAN e ") || strings.HasPrefix(detail, "SCAN c ") {
				t.Errorf("%s: %s", name, detail)
			}
			if strings.Contains(detail, "TEMP B-TREE FOR ORDER BY") && strings.Contains(name, "by name") && strings.HasPrefix(name, "list 1") {
				t.Errorf("%s sorts", name)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		if name == "extent of folders" && !strings.Contains(strings.Join(plan, "\n"), "COVERING INDEX entries_folder") {
			t.Errorf("%s: %q", name, plan)
		}
	}
}
