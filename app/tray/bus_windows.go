package tray

// Available says whether a tray can be started.
func Available() bool { return true }

func (t *Tray) awaitShown() (stop func()) {
	t.do.Seen(true)
	return func() {}
}
