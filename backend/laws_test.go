package backend_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// levels is the import law: a package imports only packages of lower numbers.
// A package that is not listed breaks the test, so that its place is decided
// when it is made. Sources are parsed, since `go list` in a test would be
// answered from the test cache.
var levels = map[string]int{
	"fault": 0, "internal/run": 0, "internal/conf": 0, "internal/durable": 0, "internal/lobby": 0, "internal/gather": 0,
	"boson/salsa": 0, "keychain/keychaintest": 0,
	"keychain": 1, "store": 1, "boson": 1, "wallet": 1, "event": 1,
	"content": 2, "portmap": 2, "names": 2, "preface": 2, "doorway": 2, "boson/dht": 2, "boson/activeproxy": 2,
	"auth": 3, "identity": 3, "files": 3, "search": 3, "ai": 3, "wasm": 3, "terminal": 3, "backup": 3,
	"update": 3, "connectivity": 3, "ipfs": 3,
	"api": 4, "gateway": 4,
	"node": 5, "supernode": 5,
	"cmd/pc2d": 6, "cmd/pc2super": 6, "cmd/pc2sign": 6,
	"lab": 6,
}

// sideways are the only imports within one level.
var sideways = []string{"search→files", "ai→files", "node→supernode"}

type source struct {
	dir     string // of the package, relative to backend
	file    string
	imports []string // of ours, relative to the module
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{dir: filepath.ToSlash(filepath.Dir(path)), file: path}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(p, "pc2/"); ok {
				s.imports = append(s.imports, ours)
			}
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d sources found", len(all))
	}
	return all
}

func TestImportLaw(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir == "." {
			continue
		}
		own, known := levels[s.dir]
		if !known {
			t.Errorf("%s: package %s has no level", s.file, s.dir)
			continue
		}
		test := strings.HasSuffix(s.file, "_test.go")
		for _, i := range s.imports {
			to, inside := strings.CutPrefix(i, "backend/")
			switch {
			case !inside && s.dir != "node" && !strings.HasPrefix(s.dir, "cmd/"):
				t.Errorf("%s imports %s: only cmd may see app or frontend", s.file, i)
			case !inside && s.dir == "node":
				t.Errorf("%s imports %s: the UI arrives as an fs.FS", s.file, i)
			case !inside:
			case to == s.dir: // the external test of a package
			case strings.HasPrefix(s.dir, "boson") && !strings.HasPrefix(to, "boson"):
				t.Errorf("%s imports %s: boson imports nothing of ours but boson", s.file, i)
			case levels[to] < own:
			case test && levels[to] <= own: // a test may put neighbours together
			case slices.Contains(sideways, s.dir+"→"+to):
			default:
				t.Errorf("%s (level %d) imports %s (level %d)", s.file, own, i, levels[to])
			}
		}
	}
}

func TestEveryPackageHasAManual(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if s.dir == "." || strings.HasPrefix(s.dir, "cmd/") || seen[s.dir] {
			continue
		}
		seen[s.dir] = true
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(s.dir, "doc.go"), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Errorf("package %s: %v", s.dir, err)
			continue
		}
		if f.Doc == nil || len(f.Doc.Text()) < 200 || !strings.HasPrefix(f.Doc.Text(), "Package "+f.Name.Name+" ") {
			t.Errorf("package %s: doc.go holds no manual", s.dir)
		}
	}
}

// Work in init and package variables that change are state that nobody passes on.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasSuffix(s.file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), s.file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", s.file)
			}
		}
	}
}

func TestMainsAreShort(t *testing.T) {
	mains, err := filepath.Glob("cmd/*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatal("no mains", err)
	}
	for _, m := range mains {
		b, err := os.ReadFile(m)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n >= 60 {
			t.Errorf("%s has %d lines", m, n)
		}
	}
}
