package scheme

import "pc2/app/autostart"

// Program is what opens links. ID names it in the system.
type Program struct {
	autostart.Entry
	Scheme string
	Icon   []byte // PNG, 256 pixels
}

// Scheme is the place of one program in the system.
type Scheme struct{ p Program }

// New reads and writes nothing.
func New(p Program) *Scheme { return &Scheme{p} }
