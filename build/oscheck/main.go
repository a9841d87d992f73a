package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	goos := flag.String("os", "darwin", "GOOS")
	arch := flag.String("arch", "arm64", "GOARCH")
	tags := flag.String("tags", "", "build tags")
	flag.Parse()
	c := &check{fset: token.NewFileSet(), arch: *arch, done: map[string]*types.Package{"unsafe": types.Unsafe}, told: map[string]bool{}}
	if err := c.all(*goos, *tags, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "oscheck:", err)
		os.Exit(2)
	}
	fmt.Printf("%s/%s: %d packages (%d with cgo files), %d problems\n", *goos, *arch, c.packages, c.cgo, len(c.told))
	if len(c.told) > 0 {
		os.Exit(1)
	}
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir   string
	GoFiles, CgoFiles []string
	ImportMap         map[string]string
	Standard          bool
	Error             *struct{ Err string }
}

// check is one run of the type checker over packages that need each other.
type check struct {
	fset *token.FileSet
	arch string
	done map[string]*types.Package

	packages, cgo int
	told          map[string]bool // the problems; a package comes again with its tests
}

// all checks the packages and everything below them.
func (c *check) all(goos, tags string, patterns []string) error {
	cgo := "1"
	if goos == "windows" { // built without
		cgo = "0"
	}
	cmd := exec.Command("go", append([]string{"list", "-e", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap,Standard,Error", "-tags", tags}, patterns...)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+c.arch, "CGO_ENABLED="+cgo)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for dec := json.NewDecoder(out); ; { // what a package needs comes before it
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return errors.Join(err, cmd.Wait())
		}
		c.one(p)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	if c.packages == 0 {
		return errors.New("no packages")
	}
	return nil
}

func (c *check) one(p listed) {
	if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") { // the mains that go test writes
		return
	}
	if p.Error != nil {
		c.problem(p.ImportPath + ": " + p.Error.Err)
	}
	var files []*ast.File
	for _, f := range append(p.GoFiles, p.CgoFiles...) {
		file, err := parser.ParseFile(c.fset, filepath.Join(p.Dir, f), nil, parser.SkipObjectResolution)
		if err != nil {
			c.problem(err.Error())
			continue
		}
		files = append(files, file)
	}
	cfg := types.Config{
		FakeImportC: true, IgnoreFuncBodies: p.Standard, Sizes: types.SizesFor("gc", c.arch), Importer: importer{c.done, p.ImportMap},
		Error: func(err error) { // Check goes on after each, and returns the first
			if !p.Standard {
				c.problem(err.Error())
			}
		},
	}
	c.done[p.ImportPath], _ = cfg.Check(p.ImportPath, c.fset, files, nil)
	c.packages++
	if len(p.CgoFiles) > 0 {
		c.cgo++
	}
}

func (c *check) problem(what string) {
	if !c.told[what] {
		c.told[what] = true
		fmt.Println(what)
	}
}

// importer gives what has been checked already.
type importer struct {
	done   map[string]*types.Package
	really map[string]string // vendored, or a package together with its tests
}

func (i importer) Import(path string) (*types.Package, error) {
	if q, ok := i.really[path]; ok {
		path = q
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("not listed: %s", path)
}
