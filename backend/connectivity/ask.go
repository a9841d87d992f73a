package connectivity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"pc2/backend/boson"
	"pc2/backend/names"
)

// Available asks the super node whether a name can be had.
func (l *Ladder) Available(ctx context.Context, name names.Name) (bool, error) {
	var a struct {
		Available bool `json:"available"`
	}
	if _, err := l.fetch(ctx, "/api/available?username="+name.String(), &a); err != nil {
		return false, err
	}
	return a.Available, nil
}

// Neighbour is who has a name, as that node's own signed claim says.
type Neighbour struct {
	Name   names.Name
	Node   boson.ID
	Seq    int64
	Online bool // as the super node says
}

// Lookup asks the super node who has a name, and believes the claim alone; the
// error is names.ErrNotFound when nobody has it.
func (l *Ladder) Lookup(ctx context.Context, name names.Name) (Neighbour, error) {
	var a struct {
		Claim  json.RawMessage `json:"claim"`
		Online bool            `json:"online"`
	}
	at, err := l.fetch(ctx, "/api/lookup/"+name.String(), &a)
	if err != nil {
		return Neighbour{}, err
	}
	c, err := names.ParseClaim(a.Claim)
	if err != nil {
		return Neighbour{}, ErrNoSuperNode.Because(fmt.Errorf("the claim to %s: %w", name, err))
	}
	if c.Op != names.Register || c.Name != name || c.SuperNode != at.ID {
		return Neighbour{}, ErrNoSuperNode.Because(fmt.Errorf("asked for %s, it shows another claim", name))
	}
	return Neighbour{name, c.Node, c.Seq, a.Online}, nil
}

// fetch gets what the super node in use says about names.
func (l *Ladder) fetch(ctx context.Context, path string, into any) (*target, error) {
	if len(l.super) == 0 {
		return nil, ErrOff
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	at := l.current()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.Gateway+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := l.http.Do(req)
	if err != nil {
		return nil, ErrNoSuperNode.Because(err)
	}
	defer res.Body.Close()
	body := io.LimitReader(res.Body, 64<<10)
	if res.StatusCode == http.StatusNotFound {
		var a answer
		if err := json.NewDecoder(body).Decode(&a); err == nil && a.Code == names.ErrNotFound.Code {
			return nil, names.ErrNotFound
		}
	}
	if err := json.NewDecoder(body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		return nil, ErrNoSuperNode.Because(errors.Join(err, fmt.Errorf("status %d", res.StatusCode)))
	}
	return at, nil
}
