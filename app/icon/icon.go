package icon

import (
	_ "embed"
	"fmt"
)

// App is the program's own icon, as PNG.
//
//go:embed app.png
var App []byte

// Tray is the icon of a state of package host, in the form that this system's
// tray takes.
func Tray(state string) []byte {
	b, err := files.ReadFile(state + ext)
	if err != nil {
		panic(fmt.Sprintf("icon: no picture for the state %q", state)) // a test asks for all
	}
	return b
}
