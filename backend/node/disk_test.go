//go:build linux

package node

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// browser is what a signed-in client does, over HTTP.
type browser struct {
	t           *testing.T
	base, token string
}

func (b browser) do(method, path string, body io.Reader, header ...string) (int, []byte) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, raw
}

func (b browser) write(name string, body io.Reader) (int, []byte) {
	b.t.Helper()
	return b.do("PUT", "/write?path="+url.QueryEscape("~/"+name), body)
}

// A full disk refuses with 507, loses nothing, leaves nothing, goes on serving
// reads, and takes writes again once there is room.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m,mode=700"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := startProcess(t, dir)
	b := browser{t, p.url, p.claim(t)}
	content := func(i, n int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), 0xaa}, n/3+1)[:n] }
	var stored []int
	sizes := []int{3 << 20, 40_000}
	refused := map[int]bool{}
	for i := 0; len(refused) < len(sizes) && i < 2000; i++ {
		n := sizes[i%2]
		if refused[n] {
			continue
		}
		code, body := b.write(fmt.Sprintf("f%d", i), bytes.NewReader(content(i, n)))
		switch code {
		case 200:
			stored = append(stored, i)
		case 507:
			if !bytes.Contains(body, []byte(`"storage_full"`)) {
				t.Fatalf("507 without its code: %s", body)
			}
			refused[n] = true
			if code, _ := b.do("GET", fmt.Sprintf("/stat?path=~/f%d", i), nil); code != 404 {
				t.Fatalf("a refused file is there: %d", code)
			}
		default:
			t.Fatalf("file %d: %d %s\n%s", i, code, body, tail(p.out.String()))
		}
	}
	if len(refused) < len(sizes) || len(stored) < 5 {
		t.Fatalf("the disk did not fill: %d stored, refused %v", len(stored), refused)
	}
	check := func() {
		t.Helper()
		for _, i := range stored {
			if code, got := b.do("GET", fmt.Sprintf("/read?path=~/f%d", i), nil); code != 200 || !bytes.Equal(got, content(i, sizes[i%2])) {
				t.Fatalf("file %d: %d, %d bytes", i, code, len(got))
			}
		}
	}
	check()
	first := stored[0]
	stored = stored[1:]
	if code, body := b.do("POST", "/delete", strings.NewReader(fmt.Sprintf(`{"path":"~/f%d"}`, first)), "Content-Type", "application/json"); code != 200 {
		t.Fatalf("delete on a full disk: %d %s", code, body)
	}
	deadline := time.Now().Add(20 * time.Second)
	for { // the space is free once the file is unlinked, which happens behind the answer
		code, body := b.write("after", bytes.NewReader(content(1, 1<<20)))
		if code == 200 {
			break
		}
		if code != 507 || time.Now().After(deadline) {
			t.Fatalf("after a delete: %d %s", code, body)
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.kill(t)
	p = startProcess(t, dir)
	b.base = p.url
	check()
	p.stop(t)
	checkDatabase(t, dir)
}

// An upload of 2 GiB goes through in constant memory, nobody waits for it, and a
// range in its middle is exact.
func TestLargeUpload(t *testing.T) {
	const size = 2 << 30
	dir := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < 3<<30 {
		t.Skipf("the file below needs 3 GB, %d MB are free", free>>20)
	}
	p := startProcess(t, dir)
	b := browser{t, p.url, p.claim(t)}
	done := make(chan struct{})
	var wg sync.WaitGroup
	asked := 0
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if code, body := b.do("GET", "/readdir?path=~", nil); code != 200 {
				t.Errorf("readdir meanwhile: %d %s", code, body)
				return
			}
			asked++
		}
	})
	code, body := b.do("PUT", "/write?path=~/big.bin", io.LimitReader(&counter{}, size))
	close(done)
	wg.Wait()
	if code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	const from, n = size/2 - 12_345, 1_000_000
	code, got := b.do("GET", "/read?path=~/big.bin", nil, "Range", fmt.Sprintf("bytes=%d-%d", from, from+n-1))
	want := make([]byte, n)
	(&counter{at: from}).Read(want)
	if code != 206 || !bytes.Equal(got, want) {
		t.Fatalf("range: %d, %d bytes", code, len(got))
	}
	peak := p.peak(t)
	t.Logf("peak RSS %d MiB, %d listings meanwhile", peak>>10, asked)
	if peak == 0 || peak > 120<<10 && !raced {
		t.Fatalf("peak RSS %d KiB, at most 120 MiB are allowed", peak)
	}
	if asked < 10 {
		t.Fatalf("only %d listings were answered meanwhile", asked)
	}
}

// counter is a stream whose byte at any place can be told.
type counter struct{ at int64 }

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		p := c.at + int64(i)
		b[i] = byte(p) ^ byte(p>>8)*31 ^ byte(p>>20)
	}
	c.at += int64(len(b))
	return len(b), nil
}

// tail is the end of a log, for a failure's message.
func tail(s string) string { return s[max(0, len(s)-3000):] }

// peak is the most memory that the process has held, in KiB.
func (p *process) peak(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if kib, err = strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return kib
}

func sameStream(a, b io.Reader) error {
	x, y := make([]byte, 256<<10), make([]byte, 256<<10)
	for at := int64(0); ; {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) || errA != errB {
			return fmt.Errorf("they differ within %d bytes from %d on: %v, %v", max(n, m), at, errA, errB)
		}
		if errA != nil {
			return nil
		}
		at += int64(n)
	}
}
