package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"pc2/backend/boson"
)

// Profile says which network a node belongs to: whose names it can have and
// which super nodes lend it a way in.
type Profile struct {
	Name        string      `json:"name"`
	Domain      string      `json:"domain"`
	Scheme      string      `json:"scheme"`
	GatewayPort int         `json:"gateway_port"`
	SuperNodes  []SuperNode `json:"super_nodes"`
	Developer   bool        `json:"dht_developer_mode"`
}

// SuperNode is one super node of a profile.
type SuperNode struct {
	ID          string `json:"id"`
	ProxyPeerID string `json:"proxy_peer_id"`
	Host        string `json:"host"`
	ProxyPort   int    `json:"proxy_port"`
	DHTPort     int    `json:"dht_port"`
	Gateway     string `json:"gateway"`
}

// profiles are the built-in ones. Nothing in local leaves this PC. The nodes of
// ela.city are not dialled before this program speaks their dialect.
func profiles() map[string]Profile {
	return map[string]Profile{
		"local": {Name: "local", Domain: "localhost", Scheme: "http"},
		"ela.city": {Name: "ela.city", Domain: "ela.city", Scheme: "https", GatewayPort: 443, SuperNodes: []SuperNode{
			{ID: "J1h7RHv5iHhT43zsXxMCg7zGmZq6g4Ec2VJeCkSGry2E", Host: "69.164.241.210", ProxyPort: 8090, DHTPort: 39001, Gateway: "https://ela.city"},
		}},
	}
}

// IsProfile says whether a profile of this name is built in; else the name is a file's.
func IsProfile(name string) bool {
	_, ok := profiles()[name]
	return ok
}

// LoadProfile returns the built-in profile of that name, or reads the file.
func LoadProfile(nameOrFile string) (Profile, error) {
	if p, ok := profiles()[nameOrFile]; ok {
		return p, nil
	}
	f, err := os.Open(nameOrFile)
	if errors.Is(err, os.ErrNotExist) {
		return Profile{}, fmt.Errorf("profile %q is neither built in (local, ela.city) nor a file", nameOrFile)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	p, err := parseProfile(b)
	if err != nil {
		return Profile{}, fmt.Errorf("profile %s: %w", nameOrFile, err)
	}
	return p, nil
}

func parseProfile(b []byte) (Profile, error) {
	p := Profile{Name: "custom", Scheme: "https", GatewayPort: 443}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, errors.New("something follows the object")
	}
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if p.Domain == "" || strings.ContainsAny(p.Domain, "/:@ ") {
		bad("domain %q is no domain", p.Domain)
	}
	if p.Scheme != "https" && p.Scheme != "http" {
		bad("scheme %q is neither https nor http", p.Scheme)
	}
	for i := range p.SuperNodes {
		n := &p.SuperNodes[i]
		if n.ProxyPeerID == "" {
			n.ProxyPeerID = n.ID
		}
		for _, id := range []string{n.ID, n.ProxyPeerID} {
			if _, err := boson.ParseID(id); err != nil {
				bad("super_nodes[%d]: %q is no node ID", i, id)
			}
		}
		if n.Host == "" {
			bad("super_nodes[%d] names no host", i)
		}
		for _, port := range []*int{&n.ProxyPort, &n.DHTPort} {
			if *port < 0 || *port > 65535 {
				bad("super_nodes[%d]: %d is no port", i, *port)
			}
		}
		if n.ProxyPort == 0 {
			n.ProxyPort = 8090
		}
		if n.DHTPort == 0 {
			n.DHTPort = 39001
		}
	}
	return p, errors.Join(problems...)
}
