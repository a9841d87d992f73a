package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pc2/backend/node"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"pc2d": main}) }

// The command line, as scripts in testdata.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_DATA_HOME", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "field": field, "phrase": phrase},
	})
}

func readReady(ts *testscript.TestScript, file string) (r node.Ready, ok bool) {
	b, err := os.ReadFile(ts.MkAbs(file))
	return r, err == nil && json.Unmarshal(b, &r) == nil
}

// ready FILE waits until the node of the ready file answers.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	for range 1500 {
		if _, ok := readReady(ts, args[0]); ok {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("%s did not come", args[0])
}

// field FILE NAME ENV sets an environment variable to a field of a JSON file.
func field(ts *testscript.TestScript, neg bool, args []string) {
	var m map[string]any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &m); err != nil {
		ts.Fatalf("%v", err)
	}
	s, _ := m[args[1]].(string)
	ts.Setenv(args[2], s)
}

// phrase READY FILE asks a node that has no owner for its recovery phrase.
func phrase(ts *testscript.TestScript, neg bool, args []string) {
	r, ok := readReady(ts, args[0])
	if !ok || r.ClaimCode == nil {
		ts.Fatalf("no claim code")
	}
	req, err := http.NewRequest("GET", r.URL+"/api/setup/mnemonic", nil)
	ts.Check(err)
	req.Header.Set("X-PC2-Claim", *r.ClaimCode)
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	var m struct{ Mnemonic string }
	ts.Check(json.Unmarshal(b, &m))
	if m.Mnemonic == "" {
		ts.Fatalf("no phrase: %s", b)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(m.Mnemonic+"\n"), 0o600))
}
