package api

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

var errNoPeer = errors.New("the connection is not in the tables of this network namespace")

// goneUser is nobody's number: a socket without a program any more.
const goneUser = -1

// looks: the tables are read in pieces while they change, so a line may be missed.
const looks = 3

// peerUser is the user whose socket is at the other end of the loopback connection
// from there to here.
func peerUser(here, there netip.AddrPort) (int, error) {
	here, there = plainPort(here), plainPort(there)
	ours := false
	for range looks {
		for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
			table, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(file, "6") {
				continue // a system without IPv6
			}
			if err != nil {
				return 0, err
			}
			if user, ok := socketUser(table, there, here); ok {
				return user, nil
			}
			_, ok := socketUser(table, here, there)
			ours = ours || ok
		}
	}
	if ours { // who asked has gone, and hears no answer
		return goneUser, nil
	}
	return 0, errNoPeer
}

// socketUser finds the socket from local to remote. Columns: number, local and remote
// address:port in hexadecimal, state, queues, timer, retransmissions, user …; an
// address is one or four words in the byte order of this machine.
func socketUser(table []byte, local, remote netip.AddrPort) (int, bool) {
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 8 {
			continue
		}
		if a, err := socketAddr(f[1]); err != nil || a != local {
			continue
		}
		if a, err := socketAddr(f[2]); err != nil || a != remote {
			continue
		}
		if f[3] == "06" || f[3] == "07" { // TIME_WAIT, CLOSE: they say user 0, whoever had it
			return goneUser, true
		}
		user, err := strconv.ParseUint(f[7], 10, 32)
		if err != nil {
			continue
		}
		return int(user), true
	}
	return 0, false
}

func socketAddr(s string) (netip.AddrPort, error) {
	ip, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(ip)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("no address: %q", s)
	}
	for word := range len(raw) / 4 {
		w := raw[4*word:]
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("no port: %q", s)
	}
	a, _ := netip.AddrFromSlice(raw) // of a length that it takes
	return plainPort(netip.AddrPortFrom(a, uint16(p))), nil
}

// plainPort makes addresses comparable: IPv4 may come as IPv6, and ::1 with a zone.
func plainPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
