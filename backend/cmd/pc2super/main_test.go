package main

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"pc2super": main}) }

// The command line, as scripts in testdata.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		// ready FILE waits until the super node of the ready file answers.
		"ready": func(ts *testscript.TestScript, _ bool, args []string) {
			for range 1500 {
				if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && json.Valid(b) {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			ts.Fatalf("%s did not come", args[0])
		},
	}})
}
