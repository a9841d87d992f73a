package icon_test

import (
	"bytes"
	"image"
	_ "image/png"
	"os"
	"testing"

	"pc2/app/host"
	"pc2/app/icon"
)

func TestEachStateHasItsPicture(t *testing.T) {
	seen := map[string]host.Kind{}
	for _, k := range []host.Kind{host.Starting, host.Direct, host.Router, host.Relay, host.Local, host.Stopped, host.Trouble} {
		b := icon.Tray(string(k))
		if other, twice := seen[string(b)]; twice {
			t.Errorf("%s looks like %s", k, other)
		}
		seen[string(b)] = k
		if _, _, err := image.DecodeConfig(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", k, err)
		}
		ico, err := os.ReadFile(string(k) + ".ico") // Windows's
		if err != nil || !bytes.HasPrefix(ico, []byte{0, 0, 1, 0, 5, 0}) {
			t.Errorf("%s.ico: %v", k, err)
		}
	}
	if c, _, err := image.DecodeConfig(bytes.NewReader(icon.App)); err != nil || c.Width != 256 {
		t.Error(c, err)
	}
}
