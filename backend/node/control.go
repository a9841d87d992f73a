package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"pc2/backend/internal/durable"
)

// Ready is what the ready file holds, for the program that started the node.
type Ready struct {
	URL        string  `json:"url"`
	GatewayURL *string `json:"gateway_url"`
	ClaimCode  *string `json:"claim_code"` // null once there is an owner
	NodeID     string  `json:"node_id"`
	Name       *string `json:"name"`
	PID        int     `json:"pid"`
	Version    string  `json:"version"`
}

// Status is what a node tells of itself to programs of this PC.
type Status struct {
	Running   bool    `json:"running"`
	URL       string  `json:"url"`
	NodeID    string  `json:"node_id"`
	Name      *string `json:"name"`
	PublicURL *string `json:"public_url"`
	Path      string  `json:"path"` // direct, mapped, relay or offline
	Owner     bool    `json:"owner"`
	Version   string  `json:"version"`
	Sentence  string  `json:"sentence"` // the path for people
	Hint      string  `json:"hint"`     // what would make it better; "" if nothing is to be said
}

// String is the status in words.
func (s Status) String() string {
	switch {
	case !s.Running:
		return "PC2 is not running."
	case !s.Owner:
		return "PC2 is running at " + s.URL + ". It has no owner yet."
	}
	text := "PC2 is running at " + s.URL + ". " + s.Sentence
	if s.Hint != "" {
		text += "\n" + s.Hint
	}
	return text
}

// control is runtime/control.json: how a program of this PC that may read the
// directory talks to the node.
type control struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	PID   int    `json:"pid"`
}

// replace writes v to file, which is whole at any time. What it says may be secret.
func replace(file string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return durable.Replace(file, append(b, '\n'))
}

// ErrNotRunning: no node answers for the directory.
var ErrNotRunning = errors.New("PC2 is not running")

// AskStatus asks the node of a data directory ("": the default one) how it is.
func AskStatus(ctx context.Context, dir string) (Status, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return Status{}, err
		}
	}
	b, err := os.ReadFile(paths{dir}.control())
	if errors.Is(err, os.ErrNotExist) {
		return Status{}, ErrNotRunning
	}
	if err != nil {
		return Status{}, err
	}
	var c control
	if err := json.Unmarshal(bytes.TrimSpace(b), &c); err != nil {
		return Status{}, fmt.Errorf("control file: %w", err)
	}
	u, err := url.Parse(c.URL)
	if err != nil || !loopbackHost(u.Hostname()) {
		return Status{}, errors.New("control file names an address that is not on this PC")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/api/control/status", nil)
	if err != nil {
		return Status{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return Status{}, ErrNotRunning // a killed node leaves its file
	}
	defer res.Body.Close()
	var s Status
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&s); err != nil || res.StatusCode != http.StatusOK {
		return Status{}, ErrNotRunning // another program has the port now
	}
	return s, nil
}
