package node

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net"
	"strconv"
	"time"

	"pc2/backend/boson"
	"pc2/backend/connectivity"
	"pc2/backend/supernode"
)

// firstTry is how long a start waits for its public address.
const firstTry = 10 * time.Second

// local is the profile whose super node runs in this process.
const local = "local"

// newNet makes the way in from outside: the super node of profile local, and
// the ladder.
func (n *Node) newNet(ctx context.Context) error {
	p := n.cfg.Profile
	cfg := connectivity.Config{Key: n.id.Key(), Scheme: p.Scheme, Domain: p.Domain, Port: p.GatewayPort, Want: n.cfg.WantedName, DB: n.db, Bus: n.bus, Log: n.cfg.Log}
	switch {
	case p.Name == local || p.Name == "":
		// Loopback alone: nothing of this profile leaves the PC.
		key, err := superKey(n.id.Key())
		if err != nil {
			return err
		}
		n.super, err = supernode.New(ctx, supernode.Config{
			Key: &key, Dir: paths{n.cfg.Dir}.super(), Domain: "localhost", Scheme: "http", PublicHost: "127.0.0.1", HTTP: "127.0.0.1:0", Proxy: "127.0.0.1:0", Inside: true, Version: Version, Log: n.cfg.Log,
		})
		if err != nil {
			return fmt.Errorf("the super node of profile local: %w", err)
		}
		at := n.super.Ready()
		_, port, err := net.SplitHostPort(at.HTTPAddr)
		if err != nil {
			return err
		}
		cfg.Domain = "localhost"
		if cfg.Port, err = strconv.Atoi(port); err != nil {
			return err
		}
		cfg.SuperNodes = []connectivity.SuperNode{{ID: n.super.ID(), Peer: n.super.ID(), Relay: at.ProxyAddr, Gateway: at.GatewayURL}}
	case p.Name == "ela.city":
		n.log.Info("the super nodes of ela.city speak an older dialect, which this version does not: this PC2 is not reachable from outside", "profile", p.Name)
	default:
		for _, s := range p.SuperNodes {
			id, err := boson.ParseID(s.ID)
			if err != nil {
				return err
			}
			peer, err := boson.ParseID(s.ProxyPeerID)
			if err != nil {
				return err
			}
			cfg.SuperNodes = append(cfg.SuperNodes, connectivity.SuperNode{ID: id, Peer: peer, Relay: net.JoinHostPort(s.Host, strconv.Itoa(s.ProxyPort)), Gateway: s.Gateway})
		}
	}
	if err := n.newPublic(cfg.SuperNodes); err != nil {
		return fmt.Errorf("public listener: %w", err)
	}
	if n.public != nil {
		cfg.Public = uint16(portOf(n.public))
	}
	if err := n.reachOut(&cfg); err != nil {
		return err
	}
	n.net = connectivity.New(cfg)
	return n.net.Recall(ctx)
}

// superKey is the key of the super node in this process. It comes from the
// node's, so that no key lies in clear on the disk.
func superKey(node boson.Key) (boson.Key, error) {
	seed := node.Seed()
	b, err := hkdf.Key(sha256.New, seed[:], nil, "pc2 local super node v1", len(seed))
	if err != nil {
		return boson.Key{}, err
	}
	return boson.KeyFromSeed(boson.Seed(b)), nil
}

// wantsName says whether there is a name that a start has to wait for.
func (n *Node) wantsName(ctx context.Context) bool {
	return n.cfg.WantedName != "" || n.net.Has(ctx)
}

// named is name and public address as the world sees them, nil without a name.
func named(s connectivity.State) (name, address *string) {
	if s.Name == "" {
		return nil, nil
	}
	return &s.Name, &s.URL
}
