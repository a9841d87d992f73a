package node

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Told to stop, the node finishes what moves within 5 s, cuts what does not,
// takes nothing new, and exits with 0.
func TestShutdownLetsRequestsFinish(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, dir)
	token := p.claim(t)
	half := bytes.Repeat([]byte("x"), 500_000)

	body, feed := io.Pipe()
	req, err := http.NewRequest("PUT", p.url+"/write?path=~/finished", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	// The body is read from the pipe when the server has asked for it, so the server
	// knows of the request when it is told to stop.
	req.Header.Set("Expect", "100-continue")
	result := make(chan error, 1)
	go func() {
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}}).Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode != 200 {
				err = fmt.Errorf("status %d", res.StatusCode)
			}
		}
		result <- err
	}()
	feed.Write(half)

	stalled, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	fmt.Fprintf(stalled, "PUT /write?path=~/stalled HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\n%s", token, half)

	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(4 * time.Second)
	for { // its listener is closed at once
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			break
		}
		c.Close()
		if time.Now().After(deadline) {
			t.Fatal("still takes connections")
		}
		time.Sleep(5 * time.Millisecond)
	}
	feed.Write(half)
	feed.Close()
	if err := <-result; err != nil {
		t.Fatal("the upload that moved:", err)
	}
	p.gone(t)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit %d\n%s", code, p.out)
	}

	p = startProcess(t, dir)
	for name, want := range map[string]int{"finished": 200, "stalled": 404} {
		req, err := http.NewRequest("GET", p.url+"/stat?path=~/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", name, res.StatusCode, want)
		}
	}
}
