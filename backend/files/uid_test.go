package files

import (
	"testing"

	"github.com/google/uuid"
)

func TestUIDs(t *testing.T) {
	var u uids
	seen := map[string]bool{}
	runs := map[string]bool{}
	for range 1<<16 + 1000 { // more than a run
		s := u.make()
		id, err := uuid.Parse(s)
		if err != nil || id.Version() != 4 || id.Variant() != uuid.RFC4122 || len(s) != len(RootUID) || seen[s] {
			t.Fatal(s, err)
		}
		seen[s], runs[s[:8]] = true, true
	}
	if len(runs) != 2 {
		t.Fatalf("%d runs", len(runs))
	}
	// What follows the run is another one for another tree at the same place.
	a, b := uids{next: 7}, uids{next: 7}
	if x, y := a.make(), b.make(); x[:13] != y[:13] || x[14:] == y[14:] {
		t.Fatal(x, y)
	}
}
