package conf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Config is the configuration in effect. Load fills it; the zero value is not valid.
type Config struct {
	Server struct {
		Port           int
		Host           string // "": the build's default
		TrustedProxies []Prefix
		PublicURL      string
		PublicListen   string // host:port, "off", or "": as the network needs it
		PortMapping    bool   // ask the router for a port
		AllowedOrigins []string
		AllowedHosts   []string
		Name           string
	}
	Owner struct {
		Wallet   string // "": claimed at first login
		Tethered []string
	}
	Security struct {
		SessionDays  int
		AbsoluteDays int
		Keychain     string // "auto" or "off"
	}
	Auth struct {
		ChallengeTTL int // s
		StrictWhoami bool
	}
	Limits  map[string]int // class -> a minute; 0 = none
	Storage struct {
		DatabasePath string // "": pc2.db in the data directory
		Limit        Limit
		Reserve      int64
	}
}

// maxFile bounds config.json, which a person writes.
const maxFile = 1 << 20

// Load reads the file at path and the environment.
func Load(path string, env func(string) (string, bool)) (cfg *Config, warnings []string, err error) {
	cfg = &Config{}
	table := cfg.keys()
	for _, k := range table {
		if k.def != "" {
			if err := k.set(json.RawMessage(k.def)); err != nil {
				return nil, nil, fmt.Errorf("built-in default of %s: %w", k.name, err)
			}
		}
	}
	values, err := read(path)
	if err != nil {
		return nil, nil, fmt.Errorf("config.json: %w", err)
	}
	var problems []error
	for _, v := range values {
		k, ok := find(table, v.name)
		if !ok {
			warnings = append(warnings, "config.json: unknown key "+v.name)
			continue
		}
		if err := k.take(v.name, v.raw); err != nil {
			problems = append(problems, fmt.Errorf("config.json: %s: %w", v.name, err))
		}
	}
	for _, k := range table {
		s, ok := env(k.env)
		if k.env == "" || !ok || s == "" {
			continue
		}
		raw := json.RawMessage(s) // a number
		if !json.Valid(raw) {
			if raw, err = json.Marshal(s); err != nil {
				return nil, nil, err
			}
		}
		if err := k.take(k.name, raw); err != nil {
			problems = append(problems, fmt.Errorf("environment %s: %w", k.env, err))
		}
	}
	return cfg, warnings, errors.Join(problems...)
}

type value struct {
	name string
	raw  json.RawMessage
}

// read returns the leaves of the file, sorted by name.
func read(path string) ([]value, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, errors.New("larger than 1 MiB")
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	return leaves(b)
}

// maxDepth is far below any key and far above none: deeper nesting is a leaf.
const maxDepth = 8

func leaves(b []byte) ([]value, error) {
	var out []value
	var walk func(prefix string, raw json.RawMessage, depth int) error
	walk = func(prefix string, raw json.RawMessage, depth int) error {
		if prefix != "" && (raw[0] != '{' || depth > maxDepth) {
			out = append(out, value{prefix, raw})
			return nil
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			return err
		}
		if m == nil {
			return errors.New("not an object")
		}
		for name, sub := range m {
			if prefix != "" {
				name = prefix + "." + name
			}
			if err := walk(name, bytes.TrimSpace(sub), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk("", b, 0)
	slices.SortFunc(out, func(a, b value) int { return strings.Compare(a.name, b.name) })
	return out, err
}

// find returns the key of that name, or the one whose name ends in * and fits.
func find(table []key, name string) (key, bool) {
	for _, k := range table {
		stem, wild := strings.CutSuffix(k.name, "*")
		if k.name == name || wild && strings.HasPrefix(name, stem) && !strings.Contains(name[len(stem):], ".") {
			return k, true
		}
	}
	return key{}, false
}
