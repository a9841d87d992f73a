//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	newFolder = 865 // where the two buttons above the list are, from the page's corner
	upload    = 1052
	buttons   = 85

	rest = "8s" // the page has a busy machine's time to say that it is not done

	saysBusy = `route="POST /desktop/busy" status=200`
	stays    = "the page has something to lose and stays"
)

// A page that was ended comes back to its folder; one in which somebody has
// typed is not ended, until that is done.
func TestPlaceAndText(t *testing.T) {
	s := newStage(t)
	dir := s.downloads()
	token := s.trusted()
	p := s.start("--rest", rest)
	p.shown(1)
	n := p.logs(listing, 0)
	p.mkdir(token, "~/Holiday")
	p.mkdir(token, "~/Holiday/Rome")
	p.put(token, "~/Holiday/Rome/only.txt", strings.NewReader("rome"))
	s.link("pc2://open/Holiday/Rome")
	n = p.logs(listing, n)
	p.closeWindow()
	p.shown(0)
	p.rests()
	p.click("Open PC2")
	p.shown(1)
	p.logs(listing, n)
	p.saves("place")
	has(t, dir, map[string]io.Reader{"only.txt": strings.NewReader("rome")})

	p.focus()
	p.do("key", "Escape") // nothing marked
	p.presses("new-folder", newFolder)
	p.do("key", "ctrl+a", "f", "o", "r", "u", "m")
	s.painted("typed")
	p.closeWindow()
	p.shown(0)
	p.logs(saysBusy, 0)
	p.logs(stays, 0)
	if len(p.children("WebKitWeb")) == 0 {
		t.Fatal("what was typed is lost")
	}
	p.click("Open PC2")
	p.shown(1)
	made := p.count(`route="POST /mkdir" status=200`)
	p.focus()
	p.do("key", "Return")
	p.logs(`route="POST /mkdir" status=200`, made)
	p.call(nil, "GET", "/stat?path="+url.QueryEscape("~/Holiday/Rome/forum"), token, nil)
	p.painted("made")
	p.closeWindow()
	p.shown(0)
	p.rests()
	p.click("Quit")
	p.leaves()
}

// presses clicks a button above the list until something large opens.
func (p *program) presses(picture string, button int) {
	p.Helper()
	p.painted(picture + "-before")
	before := p.screen()
	p.focus()
	p.until("it opens: "+picture, func() bool {
		x, y := p.corner()
		p.do("mousemove", fmt.Sprint(x+button), fmt.Sprint(y+buttons), "click", "1")
		return p.changes(before, 3000)
	})
	p.painted(picture)
}

// A closed window whose page uploads is kept until all of it has arrived.
func TestUploadKeepsThePage(t *testing.T) {
	s := newStage(t)
	token := s.trusted()
	p := s.start("--rest", rest)
	p.shown(1)
	p.logs(listing, 0)
	const big = 200 << 20
	file := filepath.Join(s.dir, "big")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, random(big)); err != nil {
		t.Fatal(err)
	}
	f.Close()

	p.presses("upload", upload)
	p.do("key", "Return") // Upload files
	chooser := func() bool {
		return exec.Command("xdotool", "search", "--onlyvisible", "--name", "^(Select|Open) Files?$", "windowactivate", "--sync").Run() == nil
	}
	s.until("the file chooser", chooser)
	s.steady("chooser")
	s.copied(file)
	// As over a slow line, so that it is under way for as long as this takes.
	release := p.slow()
	begun := s.stored()
	s.until("the upload is under way", func() bool {
		if chooser() { // it may still have been reading its folder when it was told
			p.do("key", "ctrl+l", "ctrl+a", "ctrl+v")
			time.Sleep(time.Second)
			p.do("key", "Return")
		}
		for range 50 {
			if s.stored() > begun+1<<20 {
				return true
			}
			time.Sleep(100 * time.Millisecond)
		}
		return false
	})
	p.closeWindow()
	p.shown(0)
	p.logs(saysBusy, 0)
	p.logs(stays, 0)
	const sent = `route="PUT /write" status=200`
	if p.count(sent) != 0 || len(p.children("WebKitWeb")) == 0 {
		t.Fatal("uploads:", p.count(sent), "pages:", len(p.children("WebKitWeb")))
	}
	release()
	p.logs(sent, 0)
	p.rests()
	var stat struct{ Size int64 }
	if err := json.Unmarshal(p.call(nil, "GET", "/stat?path="+url.QueryEscape("~/big"), token, nil), &stat); err != nil || stat.Size != big {
		t.Fatal(stat, err)
	}
	p.click("Quit")
	p.leaves()
}

// copied puts a text where a person would paste it from.
func (s *stage) copied(text string) {
	s.Helper()
	c := exec.Command("xclip", "-selection", "clipboard", "-i") // stays behind until something else is copied
	c.Stdin = strings.NewReader(text)
	if err := c.Run(); err != nil {
		s.Fatal(err)
	}
}

// stored is how much is in the data directory.
func (s *stage) stored() (n int64) {
	s.Helper()
	_ = filepath.WalkDir(filepath.Join(s.dir, "data"), func(_ string, e fs.DirEntry, err error) error { // files come and go
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// slow lets the window's network run a moment now and then, until release.
func (p *program) slow() (release func()) {
	p.Helper()
	pids := p.children("WebKitNetwork")
	if len(pids) != 1 {
		p.Fatal("network processes:", pids)
	}
	send := func(sig syscall.Signal) { _ = syscall.Kill(pids[0], sig) } // it ends with the program
	stop, stopped := make(chan struct{}), make(chan struct{})
	send(syscall.SIGSTOP)
	go func() {
		defer close(stopped)
		defer send(syscall.SIGCONT)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			send(syscall.SIGCONT)
			time.Sleep(2 * time.Millisecond)
			send(syscall.SIGSTOP)
		}
	}()
	over := false
	release = func() {
		if !over {
			over = true
			close(stop)
			<-stopped
		}
	}
	p.Cleanup(release)
	return release
}
