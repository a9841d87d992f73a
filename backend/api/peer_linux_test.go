package api

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// nobody is a second user of this PC.
const nobody = 65534

const strangerVar = "PC2_TEST_STRANGER"

// TestStranger is no test: it is the program of the second user.
func TestStranger(t *testing.T) {
	address := os.Getenv(strangerVar)
	if address == "" {
		t.Skip("runs as another user, started by TestOtherUserAtTheDoor")
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	fmt.Printf("as user %d: status %d %s %s %v\n", os.Geteuid(), res.StatusCode, res.Header["Set-Cookie"], b, err)
}

// Whoever reads the key in a command line is another user of this PC, and gets
// nothing by it; the key still works for whom it is meant.
func TestOtherUserAtTheDoor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("starts a program as another user, which only root may")
	}
	h, _ := withProgram(t)
	for what, address := range map[string]string{"window": h.api.Enter("/"), "browser": h.api.Visit()} {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestStranger$", "-test.v")
		cmd.Dir, cmd.Env = "/", []string{strangerVar + "=" + h.url + address}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), fmt.Sprintf("as user %d: status 403 [] ", nobody)) || strings.Contains(string(out), "claim=") {
			t.Fatalf("%s: the other user came in: %s", what, out)
		}
		h.visitor().get(address).want(200)
	}
}

func TestPeerUser(t *testing.T) {
	for _, network := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}} {
		ln, err := net.Listen(network[0], network[1])
		if err != nil {
			t.Logf("%s: %v", network, err) // a system without IPv6
			continue
		}
		defer ln.Close()
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		in, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		here, there := netip.MustParseAddrPort(in.LocalAddr().String()), netip.MustParseAddrPort(in.RemoteAddr().String())
		if user, err := peerUser(here, there); err != nil || user != os.Geteuid() {
			t.Fatal(network, user, err)
		}
		if _, err := peerUser(netip.MustParseAddrPort("192.0.2.1:1"), there); err == nil {
			t.Fatal("a connection that does not exist is known")
		}
	}
}

func TestSocketUser(t *testing.T) {
	at := netip.MustParseAddrPort
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	const table = head +
		"   0: 0100007F:1068 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1 1 0 100 0 0 10 0\n" +
		"   1: 0100007F:C350 0100007F:1068 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 20 4 30 10 -1\n" +
		"   2: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:1068 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0\n" +
		"   3: 00000000000000000000000001000000:C352 00000000000000000000000001000000:1068 08 00000000:00000000 00:00000000 00000000  1002        0 4 1 0\n" +
		"   4: 0100007F:C353 0100007F:1068 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0\n" +
		"   5: 0100007F:C354 0100007F:1068 01 00000000:00000000 00:00000000 00000000  x\n"
	if !littleEndian() {
		t.Skip("the table is of a little-endian machine")
	}
	for _, c := range []struct {
		local, remote string
		user          int
		ok            bool
	}{
		{"127.0.0.1:50000", "127.0.0.1:4200", 1000, true},
		{"127.0.0.1:50001", "127.0.0.1:4200", 1001, true}, // an IPv6 socket that speaks IPv4
		{"[::1]:50002", "[::1]:4200", 1002, true},
		{"127.0.0.1:50003", "127.0.0.1:4200", goneUser, true},
		{"127.0.0.1:50000", "127.0.0.1:4201", 0, false},
		{"127.0.0.1:50004", "127.0.0.1:4200", 0, false},
		{"127.0.0.1:4200", "127.0.0.1:50000", 0, false},
	} {
		if user, ok := socketUser([]byte(table), at(c.local), at(c.remote)); user != c.user || ok != c.ok {
			t.Errorf("%s to %s: %d %v", c.local, c.remote, user, ok)
		}
	}
}

func littleEndian() bool {
	a, err := socketAddr("0100007F:0001")
	return err == nil && a.Addr() == netip.MustParseAddr("127.0.0.1")
}

func FuzzSocketUser(f *testing.F) {
	f.Add([]byte("   1: 0100007F:C350 0100007F:1068 01 0:0 00:0 0  1000 0 2\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		a, b := netip.MustParseAddrPort("127.0.0.1:50000"), netip.MustParseAddrPort("127.0.0.1:4200")
		if user, ok := socketUser(table, a, b); ok && user < goneUser {
			t.Fatal(user)
		}
	})
}
