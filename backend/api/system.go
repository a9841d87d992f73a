package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"
	"time"

	"pc2/backend/fault"
)

// health answers from memory: launchers ask every second.
func (s *Server) health(c *call) error {
	_, owned := s.cfg.Auth.Owner()
	state, database := "ok", "connected"
	code := 200
	if err := s.cfg.Healthy(); err != nil {
		state, database = "degraded", "error"
		if strict, _ := c.fields.flag(false, "strict"); strict {
			code = 503
		}
	}
	return c.json(code, map[string]any{
		"status": state, "timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "version": s.cfg.Version,
		"uptime": time.Since(s.cfg.Started).Seconds(), "database": database, "ipfs": "not_initialized", "websocket": "active",
		"terminal": map[string]any{"status": "unavailable", "isolationMode": "disabled"},
		"owner":    map[string]any{"set": owned, "tethered_wallets": s.cfg.Tethered},
	})
}

func (s *Server) healthcheck(c *call) error {
	return c.ok(map[string]any{"ok": true, "version": s.cfg.Version, "ipfs_connected": false})
}

func (s *Server) version(c *call) error {
	major, minor, patch := semver(s.cfg.Version)
	return c.ok(map[string]any{
		"version": s.cfg.Version, "major": major, "minor": minor, "patch": patch, "environment": "production", "location": "home",
		"deploy_timestamp": s.cfg.Started.UnixMilli(), "server": "pc2", "deployed": s.cfg.Started.UTC().Format(time.RFC3339),
	})
}

func semver(v string) (major, minor, patch int) {
	core, _, _ := strings.Cut(strings.TrimPrefix(v, "v"), "-")
	part := [3]int{}
	for i, p := range strings.SplitN(core, ".", 3) {
		part[i], _ = strconv.Atoi(p) // a part that is no number is 0
	}
	return part[0], part[1], part[2]
}

func (s *Server) info(c *call) error {
	return c.ok(map[string]any{
		"name": s.cfg.NodeName, "version": s.cfg.Version, "features": []string{"files", "live", "wallet-sign-in"},
		"endpoints": map[string]string{"health": "/health", "whoami": "/whoami", "challenge": "/auth/challenge", "login": "/auth/particle", "socket": "/socket.io/"},
	})
}

func (s *Server) controlStatus(c *call) error { return c.ok(s.cfg.Status()) }

// controlBearer lets in who can read the control file, over loopback, and no page.
func (s *Server) controlBearer(c *call) error {
	got := sha256.Sum256([]byte(bearer(c.Header.Get("Authorization"))))
	want := sha256.Sum256([]byte(s.cfg.ControlToken))
	if s.cfg.ControlToken == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1 || c.in != loopback || c.Header.Get("Origin") != "" || c.Header.Get("Sec-Fetch-Site") != "" {
		return errControl
	}
	return nil
}

// onThisPC refuses what a recovery phrase is not shown to: anything that did not
// come over loopback.
func onThisPC(c *call) error {
	if c.in != loopback {
		return fault.New(fault.Denied, "forbidden", "The recovery phrase is shown on the PC itself, never over the network.")
	}
	return nil
}
