package host

import (
	"errors"
	"fmt"
	"testing"

	"pc2/backend/fault"
)

// What people read is said once, and what only helpers read stays beside it.
func TestTroubleInPlainWords(t *testing.T) {
	damaged := fault.New(fault.Conflict, "data_refused", "format.json is damaged. Nothing was changed.")
	for _, c := range []struct {
		err              error
		sentence, detail string
	}{
		{damaged, "PC2 could not run. format.json is damaged. Nothing was changed.", "data_refused"},
		{damaged.Because(errors.New("unexpected end")), "PC2 could not run. format.json is damaged. Nothing was changed.", "data_refused: unexpected end"},
		{fmt.Errorf("open: %w", damaged.Because(errors.New("unexpected end"))), "PC2 could not run. format.json is damaged. Nothing was changed.", "data_refused: unexpected end"},
		{errors.New("the configuration has problems:\nserver.port: no number"), "PC2 could not run: the configuration has problems.", "server.port: no number"},
		{errors.New("another program has the folder"), "PC2 could not run: another program has the folder.", ""},
	} {
		s := State{Kind: Trouble, Sentence: plainly(c.err), Err: c.err}
		if s.Sentence != c.sentence || s.Detail() != c.detail {
			t.Errorf("%v: %q and %q, want %q and %q", c.err, s.Sentence, s.Detail(), c.sentence, c.detail)
		}
	}
	if s := (State{Kind: Trouble, Sentence: "PC2 ended by itself.", Err: errors.New("the node ended")}); s.Detail() != "the node ended" {
		t.Error(s.Detail())
	}
}
