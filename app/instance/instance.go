package instance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// ErrTold: another program has the directory, and has taken the arguments.
var ErrTold = errors.New("PC2 is running already and was asked to show itself")

const (
	maxMessage = 64 << 10
	maxArgs    = 16
	patience   = 15 * time.Second // the other one may still be starting
)

// Instance is the claim on a data directory.
type Instance struct {
	lock  *flock.Flock
	file  string
	token string
	ln    net.Listener
}

// note is runtime/desktop.json.
type note struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	PID   int    `json:"pid"`
}

// Claim takes the directory, or gives args to the program that has it.
func Claim(ctx context.Context, dir string, args []string) (*Instance, error) {
	if err := os.MkdirAll(filepath.Join(dir, "runtime"), 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	i := &Instance{
		lock:  flock.New(filepath.Join(dir, "desktop.lock"), flock.SetPermissions(0o600)),
		file:  filepath.Join(dir, "runtime", "desktop.json"),
		token: rand.Text() + rand.Text(),
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		got, err := i.lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock the data directory: %w", err)
		}
		if got { // perhaps because the other one was just ending
			if err := i.publish(); err != nil {
				return nil, errors.Join(err, i.lock.Unlock())
			}
			return i, nil
		}
		if err = i.tell(ctx, args); err == nil {
			return nil, ErrTold
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("another PC2 has this data directory and does not answer: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// publish opens the door and says where it is.
func (i *Instance) publish() error {
	var err error
	if i.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("open the door for a second start: %w", err)
	}
	b, err := json.Marshal(note{"http://" + i.ln.Addr().String(), i.token, os.Getpid()})
	if err != nil {
		return errors.Join(err, i.ln.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(i.file), ".desktop.json.*") // 0600
	if err != nil {
		return errors.Join(err, i.ln.Close())
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), i.file)
	}
	if err != nil {
		os.Remove(f.Name())
		return errors.Join(err, i.ln.Close())
	}
	return nil
}

func (i *Instance) tell(ctx context.Context, args []string) error {
	b, err := os.ReadFile(i.file)
	if err != nil {
		return err
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	body, err := json.Marshal(args)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL+"/show", bytes.NewReader(body))
	if err != nil {
		return err
	}
	if h := req.URL.Hostname(); h != "127.0.0.1" {
		return fmt.Errorf("desktop.json names %s, which is not this PC", h)
	}
	req.Header.Set("Authorization", "Bearer "+n.Token)
	client := http.Client{
		Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("it answered %d", res.StatusCode)
	}
	return nil
}

// Serve gives show the arguments of each further start, until ctx ends.
func (i *Instance) Serve(ctx context.Context, show func(args []string)) error {
	srv := &http.Server{Handler: i.door(show), ReadTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(i.ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (i *Instance) door(show func(args []string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+i.token)) == 1
		page := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
		if !known || page || r.Host != i.ln.Addr().String() || r.Method != http.MethodPost || r.URL.Path != "/show" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		var args []string
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessage)).Decode(&args); err != nil || len(args) > maxArgs {
			http.Error(w, "not a list of arguments", http.StatusBadRequest)
			return
		}
		show(args)
		w.WriteHeader(http.StatusNoContent)
	})
}

// Release gives the directory back.
func (i *Instance) Release() error {
	i.ln.Close() // Serve may have done it
	if err := os.Remove(i.file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, i.lock.Unlock())
	}
	return i.lock.Unlock()
}
