package names

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"pc2/backend/boson"
	"pc2/backend/fault"
)

// Reach is a signed wish of a node: dial me back at this port of the address that
// I come from. It comes from SignReach or ParseReach, so one that exists has held
// its signature.
type Reach struct {
	Node      boson.ID
	SuperNode boson.ID // the one that is addressed
	Port      uint16
	Time      time.Time
}

const (
	reachPreface = "pc2-reach-v1\n"
	reachOp      = "reach"
	minPort      = 1024 // below are other people's services
)

var (
	errReachOther = fault.New(fault.Unauthenticated, "signature_invalid", "The request is for another super node.")
	errNameless   = fault.New(fault.Denied, "not_registered", "Only a PC2 that has a name here is dialled back.")
)

type wireReach struct {
	Op        string `json:"op"`
	NodeID    string `json:"nodeId"`
	SuperNode string `json:"superNode"`
	Port      int    `json:"port"`
	Timestamp int64  `json:"timestamp"`
	Signature string `json:"signature,omitempty"`
}

// SignReach is the body of POST /api/reach.
func SignReach(key boson.Key, r Reach) ([]byte, error) {
	w := wireReach{Op: reachOp, NodeID: key.ID().String(), SuperNode: r.SuperNode.String(), Port: int(r.Port), Timestamp: r.Time.UnixMilli()}
	b, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	text, err := jcs.Transform(b)
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	w.Signature = base64.StdEncoding.EncodeToString(key.Sign(append([]byte(reachPreface), text...)))
	return json.Marshal(w)
}

// ParseReach reads and verifies a wish.
func ParseReach(b []byte) (Reach, error) {
	fields, sig, text, err := signed(b)
	if err != nil {
		return Reach{}, err
	}
	f := reader{fields: fields}
	op, port := f.text("op"), f.number("port")
	r := Reach{Node: f.id("nodeId"), SuperNode: f.id("superNode"), Time: time.UnixMilli(f.number("timestamp"))}
	switch {
	case f.err != nil:
		return Reach{}, f.err
	case op != reachOp:
		return Reach{}, badClaim("op", "is not reach")
	case port < minPort || port > 65535:
		return Reach{}, badClaim("port", "is not between 1024 and 65535")
	case !boson.Verify(r.Node, append([]byte(reachPreface), text...), sig):
		return Reach{}, ErrSignature
	}
	r.Port = uint16(port)
	return r, nil
}

// Reach reads a wish and decides whether it is granted: it is fresh, for this
// super node, and of a node that has a name here.
func (r *Registry) Reach(ctx context.Context, b []byte) (Reach, error) {
	w, err := ParseReach(b)
	if err != nil {
		return Reach{}, err
	}
	now := r.now()
	if w.SuperNode != r.self {
		return Reach{}, errReachOther
	}
	if d := now.Sub(w.Time); d > maxSkew || d < -maxSkew {
		return Reach{}, errClock.With("server_time", now.UnixMilli())
	}
	recs, err := r.store.ByNode(ctx, w.Node)
	if err != nil {
		return Reach{}, err
	}
	for i := range recs {
		if !recs[i].free(now) {
			return w, nil
		}
	}
	return Reach{}, errNameless
}
