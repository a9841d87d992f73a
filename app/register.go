package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"pc2/app/autostart"
	"pc2/app/icon"
	"pc2/app/link"
	"pc2/app/scheme"
	"pc2/backend/node"
)

// otherDir says whether this start was told which data directory to use.
func (f flags) otherDir() bool {
	return f.Data != "" || os.Getenv("PC2_DATA_DIR") != "" || os.Getenv("DATA_DIR") != ""
}

// registers says whether links lead to this PC2. One with a directory of its own
// may be a second one, which takes nothing from the first unasked.
func (f flags) registers() bool {
	if f.Register != nil {
		return *f.Register
	}
	return !f.otherDir()
}

// entryOf is how the system starts this program, so that it finds the same node:
// dir is where that is.
func entryOf(f flags, dir string, log *slog.Logger) autostart.Entry {
	exe, err := os.Executable()
	if err != nil {
		log.Warn("the program's own place is not known", "err", err)
	}
	return autostart.Entry{ID: "pc2", Name: "PC2", Exec: exe, Args: f.again(dir)}
}

// again are the arguments of a start by the system. It starts programs in another
// folder than a terminal, so files are named in full. What is for one start stays
// out: the ready file and the recovery phrase.
func (f flags) again(dir string) (args []string) {
	if f.otherDir() {
		args = append(args, "--data", dir)
	}
	if f.Profile != "" && f.Profile != node.DefaultProfile {
		args = append(args, "--profile", fullProfile(f.Profile))
	}
	if f.Listen != "" {
		args = append(args, "--listen", f.Listen)
	}
	if f.Name != "" {
		args = append(args, "--name", f.Name)
	}
	return args
}

// fullProfile is a profile's name, or its file in full.
func fullProfile(profile string) string {
	if node.IsProfile(profile) {
		return profile
	}
	if file, err := filepath.Abs(profile); err == nil {
		return file
	}
	return profile // there is no working directory; better than nothing
}

func atLogin(e autostart.Entry) autostart.Entry {
	e.Args = append([]string{"--hidden"}, e.Args...)
	return e
}

func schemeOf(e autostart.Entry) *scheme.Scheme {
	return scheme.New(scheme.Program{Entry: e, Scheme: link.Scheme, Icon: icon.App})
}

// unregister is for who removes the program: an uninstaller, or a person.
func unregister(ctx context.Context, f flags, dir string) error {
	e := entryOf(f, dir, slog.Default())
	return errors.Join(schemeOf(e).Remove(ctx), autostart.New(atLogin(e)).Set(false))
}
