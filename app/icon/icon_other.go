//go:build !windows

package icon

import "embed"

const ext = ".png"

//go:embed *.png
var files embed.FS
