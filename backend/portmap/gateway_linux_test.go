package portmap

import (
	"errors"
	"testing"
)

const routeHead = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

func TestParseRoutes(t *testing.T) {
	name, gw, err := parseRoutes([]byte(routeHead +
		"tun0\t00000000\t00000000\t0001\t0\t0\t10\t00000000\t0\t0\t0\n" + // no gateway
		"vpn0\t00000000\t0101A8C0\t0003\t0\t0\t1\t00000080\t0\t0\t0\n" + // half of the internet
		"wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
		"eth0\t00000000\t014DA8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
		"down0\t00000000\t0102A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t004DA8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"))
	if err != nil || name != "eth0" || gw.String() != "192.168.77.1" {
		t.Errorf("got %s %s, %v", name, gw, err)
	}
	for what, table := range map[string]string{
		"nothing": "", "the head alone": routeHead, "no gateway": routeHead + "tun0\t00000000\t00000000\t0001\t0\t0\t10\t00000000\t0\t0\t0\n",
		"garbage": routeHead + "eth0\t00000000\txyz\t0003\t0\t0\t100\t00000000\n" + "eth0 00000000\n",
	} {
		if _, _, err := parseRoutes([]byte(table)); !errors.Is(err, errNoGateway) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Reads the real table; sends nothing.
func TestDefaultRoute(t *testing.T) {
	gw, local, err := defaultRoute()
	switch {
	case errors.Is(err, errNoGateway):
		t.Log("this machine has no default route")
	case err != nil:
		t.Error(err)
	case !gw.Is4() || !local.Is4():
		t.Errorf("got %s at %s", local, gw)
	}
}

func FuzzParseRoutes(f *testing.F) {
	f.Add([]byte(routeHead + "eth0\t00000000\t014DA8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if name, gw, err := parseRoutes(b); err == nil && (name == "" || !gw.Is4()) {
			t.Errorf("%q %s", name, gw)
		}
	})
}
