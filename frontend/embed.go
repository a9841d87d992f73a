package frontend

import (
	"embed"
	"io/fs"
)

// all: takes .keep along, so that a clone without Node still builds.
//
//go:embed all:dist
var dist embed.FS

// FS returns what `npm run build` wrote, rooted at index.html. Before the
// first build it holds nothing but .keep.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a constant and a valid path
	}
	return sub
}
