package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, file string, env map[string]string) (*Config, []string, error) {
	t.Helper()
	p := filepath.Join(t.TempDir(), "config.json")
	if file != "" {
		if err := os.WriteFile(p, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(p, func(k string) (string, bool) { s, ok := env[k]; return s, ok })
}

func TestDefaultsFileEnvironment(t *testing.T) {
	c, w, err := load(t, "", nil)
	if err != nil || len(w) != 0 || c.Server.Port != 4200 || c.Security.SessionDays != 7 || !c.Storage.Limit.Auto || c.Storage.Reserve != 10<<30 {
		t.Fatal(c, w, err)
	}
	c, _, err = load(t, `{"server":{"port":1234,"trusted_proxies":["10.0.0.0/8","::1"]},"limits":{"auth":0},"owner":{"wallet_address":"0xABCDEF0000000000000000000000000000000001"}}`, map[string]string{"PORT": "99"})
	if err != nil || c.Server.Port != 99 || len(c.Server.TrustedProxies) != 2 || c.Owner.Wallet != "0xabcdef0000000000000000000000000000000001" {
		t.Fatal(c, err)
	}
	if n, ok := c.Limits["auth"]; !ok || n != 0 {
		t.Fatal("limits.auth", n, ok)
	}
}

func TestUnknownIsWarnedAboutInvalidIsListed(t *testing.T) {
	_, w, err := load(t, `{"server":{"port":70000,"colour":"red"},"storage":{"trash_days":"x"},"limits":{"nope":1},"x":{"y":1},
		"ai":{"providers":{"openai":{"apiKey":5}}},"owner":{"wallet_address":"0x12"},"ipfs":{"mode":"loud"},"boson":{"enabled":null}}`, map[string]string{"PORT": "abc"})
	if all := strings.Join(w, "\n"); len(w) != 2 || !strings.Contains(all, "server.colour") || !strings.Contains(all, "x.y") {
		t.Fatalf("warnings %q", w)
	}
	for _, part := range []string{"server.port", "storage.trash_days", "limits.nope", "openai.apiKey", "owner.wallet_address", "ipfs.mode", "boson.enabled", "environment PORT"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not listed in %v", part, err)
		}
	}
}

func TestPublicListen(t *testing.T) {
	for s, ok := range map[string]bool{"": true, "off": true, ":0": true, ":4201": true, "0.0.0.0:4201": true, "[::]:4201": true, "pc.example:1": true, "4201": false, ":": false, ":x": false, ":70000": false, "a b:1": false, "on": false} {
		c, _, err := load(t, `{"server":{"public_listen":"`+s+`"}}`, nil)
		if (err == nil) != ok || ok && (c.Server.PublicListen != s || !c.Server.PortMapping) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if c, _, err := load(t, `{"server":{"port_mapping":false}}`, nil); err != nil || c.Server.PortMapping {
		t.Error(err)
	}
}

func TestKeychain(t *testing.T) {
	for s, ok := range map[string]bool{"auto": true, "off": true, "on": false, "OFF": false} {
		c, _, err := load(t, "", map[string]string{"PC2_KEYCHAIN": s})
		if (err == nil) != ok || ok && c.Security.Keychain != s {
			t.Errorf("%q: %v", s, err)
		}
	}
	if c, _, err := load(t, "", nil); err != nil || c.Security.Keychain != "auto" {
		t.Error(err)
	}
}

func TestBadFiles(t *testing.T) {
	for _, s := range []string{"{", "[]", "null", "5", `{"a":}`, strings.Repeat("[", 20000), `{"a":1} x`, strings.Repeat(" ", maxFile) + "{}"} {
		if _, w, err := load(t, s, nil); err == nil {
			t.Errorf("%.20q was taken, warnings %q", s, w)
		}
	}
}

func FuzzLeaves(f *testing.F) {
	f.Add([]byte(`{"server":{"port":1}}`))
	f.Add([]byte(`{"limits":{"auth":null},"auth":{"rpc_urls":{"20":"http://x"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := leaves(b)
		if err != nil {
			return
		}
		table := (&Config{}).keys()
		for _, v := range values {
			if k, ok := find(table, v.name); ok {
				k.take(v.name, v.raw)
			}
		}
	})
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"1B": 1, "2kb": 2048, "1.5MB": 1572864, "10GB": 10 << 30, "1 TB": 1 << 40} {
		if n, err := ParseSize(s); err != nil || n != want {
			t.Errorf("%s: %d, %v", s, n, err)
		}
	}
	for _, s := range []string{"", "GB", "-1GB", "1PB", "99999999TB", "1e3MB"} {
		if n, err := ParseSize(s); err == nil {
			t.Errorf("%q was taken as %d", s, n)
		}
	}
}
