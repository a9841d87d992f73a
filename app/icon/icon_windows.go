package icon

import "embed"

const ext = ".ico"

//go:embed *.ico
var files embed.FS
