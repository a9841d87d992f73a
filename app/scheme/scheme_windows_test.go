package scheme

import (
	"context"
	"testing"

	"golang.org/x/sys/windows/registry"

	"pc2/app/autostart"
)

// Played under wine by app/e2e.
func TestRegistry(t *testing.T) {
	p := Program{Entry: autostart.Entry{ID: "pc2test", Name: "PC2 test", Exec: `C:\Program Files\PC2\PC2.exe`, Args: []string{"--data", `D:\`}}, Scheme: "pc2-test"}
	s := New(p)
	value := func(key, name string) string {
		k, err := registry.OpenKey(registry.CURRENT_USER, key, registry.QUERY_VALUE)
		if err != nil {
			return "none"
		}
		defer k.Close()
		v, _, err := k.GetStringValue(name)
		if err != nil {
			return "none"
		}
		return v
	}
	t.Cleanup(func() { _ = s.Remove(context.Background()) })
	for range 2 {
		if err := s.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := value(s.key()+`\shell\open\command`, ""); got != `"C:\Program Files\PC2\PC2.exe" "--data" "D:\\" "--" "%1"` {
			t.Fatal(got)
		}
		if value(s.key(), "URL Protocol") != "" || value(s.key(), "") != "URL:PC2 test" || value(s.notice(), "DisplayName") != "PC2 test" {
			t.Fatal(value(s.key(), "URL Protocol"), value(s.key(), ""))
		}
	}
	// Another copy has taken the links over.
	p.Exec = `D:\PC2.exe`
	if err := New(p).Remove(t.Context()); err != nil || value(s.key(), "URL Protocol") != "" {
		t.Fatal("another program's links were taken back", err)
	}
	for range 2 {
		if err := s.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if value(s.key(), "URL Protocol") != "none" || value(s.notice(), "DisplayName") != "none" {
			t.Fatal("something is left")
		}
	}
}
