package portmap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

func defaultRoute() (gw, local netip.Addr, err error) {
	table, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return gw, local, err
	}
	name, gw, err := parseRoutes(table)
	if err != nil {
		return gw, local, err
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return gw, local, fmt.Errorf("%s: %w", name, err)
	}
	local, err = localFor(i, gw)
	return gw, local, err
}

// parseRoutes finds the default route of lowest metric that leads to a gateway.
// Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask …, addresses as
// hexadecimal numbers in the byte order of this machine.
func parseRoutes(table []byte) (name string, gw netip.Addr, err error) {
	const up, gateway = 0x1, 0x2
	best := -1
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err1 := strconv.ParseUint(f[3], 16, 16)
		metric, err2 := strconv.Atoi(f[6])
		raw, err3 := hex.DecodeString(f[2])
		if err1 != nil || err2 != nil || err3 != nil || len(raw) != 4 || flags&up == 0 || flags&gateway == 0 {
			continue
		}
		if best >= 0 && metric >= best {
			continue
		}
		var a [4]byte
		binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(raw))
		best, name, gw = metric, f[0], netip.AddrFrom4(a)
	}
	if err := lines.Err(); err != nil {
		return "", gw, err
	}
	if best < 0 {
		return "", gw, errNoGateway
	}
	return name, gw, nil
}
