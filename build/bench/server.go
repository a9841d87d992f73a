//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// server is a running pc2d or nginx.
type server struct {
	name    string
	dir     string // its data
	addr    string // host:port
	host    string // of every request; "": addr
	headers string // of every request
	write   string // "/write?path=~/": what stands before a name to PUT
	read    string // before a name to GET
	cmd     *exec.Cmd
	log     string    // file
	also    []*server // whose processes count too
	dies    bool      // of our signal, which is not its failure

	spread bool // dial from several addresses: it lets one of them have a part only
	dialed atomic.Uint32
}

// launch starts a program whose server will answer on addr.
func (s *server) launch(program string, args ...string) error {
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(program, args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that an interrupt reaches us first
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

// answers waits until the target gives 200.
func (s *server) answers(target string) error {
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		c, err := dial(s.addr, s.host, "")
		if err != nil { // nobody listens yet
			time.Sleep(300 * time.Microsecond)
			continue
		}
		status, err := c.get(target, "", nil)
		c.close()
		if err == nil && status == 200 {
			return nil
		}
		if err == nil {
			return fmt.Errorf("%s answers %d\n%s", s.name, status, s.tail())
		}
		time.Sleep(300 * time.Microsecond)
	}
	return fmt.Errorf("%s does not answer\n%s", s.name, s.tail())
}

// stop ends the server and waits for it.
func (s *server) stop() error {
	if s.cmd == nil || s.cmd.ProcessState != nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil && !s.dies {
		return fmt.Errorf("%s: %w\n%s", s.name, err, s.tail())
	}
	return nil
}

// tail is the end of what the server said.
func (s *server) tail() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return ""
	}
	return string(b[max(0, len(b)-2000):])
}

// pids are the processes of the server, those that it has started included.
func (s *server) pids() (pids []int) {
	if s.cmd != nil {
		pids = family(s.cmd.Process.Pid)
	}
	for _, other := range s.also {
		pids = append(pids, other.pids()...)
	}
	return pids
}

// family is a process and its descendants; on a kernel that does not tell, the
// process alone.
func family(pid int) []int {
	pids := []int{pid}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return pids
	}
	for f := range strings.FieldsSeq(string(b)) {
		if child, err := strconv.Atoi(f); err == nil {
			pids = append(pids, family(child)...)
		}
	}
	return pids
}

func (s *server) dial() (*conn, error) {
	from := byte(1)
	if s.spread {
		from += byte(s.dialed.Add(1) % 8)
	}
	return dialFrom(netip.AddrFrom4([4]byte{127, 0, 0, from}), s.addr, s.host, s.headers)
}

// freeAddr is an address of this PC where nobody listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// nginxConfig is Debian's nginx.conf with what is in a server's way here taken out:
// logs, limits, a second copy of a body, and tcp_nopush, by which the last bytes of a
// range wait 40 ms for an acknowledgement.
const nginxConfig = `
daemon off;
worker_processes auto;
pid %[1]s/pid;
error_log stderr error;
%[2]s
events { worker_connections 4096; }
http {
	sendfile on;
	access_log off;
	types { }
	default_type application/octet-stream;
	client_max_body_size 0;
	client_body_buffer_size 128k;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000000;
	keepalive_timeout 600s;
%[3]s
}
`

// nginxFiles is the server beside a store.
const nginxFiles = `
	server {
		listen %[2]s reuseport;
		listen %[3]s ssl reuseport;
		ssl_certificate %[4]s;
		ssl_certificate_key %[4]s;
		ssl_protocols TLSv1.3;
		root %[1]s/files;
		dav_methods PUT DELETE;
		create_full_put_path on;
		autoindex on;
		autoindex_format json;
		location = /health { return 200; }
	}
`

func nginxProgram() string {
	if program, err := exec.LookPath("nginx"); err == nil {
		return program
	}
	return "/usr/sbin/nginx" // not on the PATH of everybody
}

// writeNginx writes a configuration with these servers into dir.
func writeNginx(dir, servers string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // the workers write below a folder of ours
	}
	config := filepath.Join(dir, "nginx.conf")
	return config, os.WriteFile(config, fmt.Appendf(nil, nginxConfig, dir, user, servers), 0o644)
}

// startNginx starts a server of files, and says where it speaks TLS too.
func startNginx(dir string) (s *server, tls string, err error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	if tls, err = freeAddr(); err != nil {
		return nil, "", err
	}
	certificate, err := selfSigned(dir)
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o755); err != nil {
		return nil, "", err
	}
	config, err := writeNginx(dir, fmt.Sprintf(nginxFiles, dir, addr, tls, certificate))
	if err != nil {
		return nil, "", err
	}
	s = &server{name: "nginx", dir: dir, addr: addr, write: "/", read: "/", log: filepath.Join(dir, "log")}
	if err := s.launch(nginxProgram(), "-p", dir, "-c", config); err != nil {
		return nil, "", err
	}
	return s, tls, s.answers("/health")
}

// pc2Config of a start of pc2d.
type pc2Config struct {
	program, dir string
	ready        string // file, "" for none
	name         string // below its super node's domain, "" for none
}

// startPC2 starts pc2d, and says how long it took to the first 200 on /health.
func startPC2(cfg pc2Config) (*server, time.Duration, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, 0, err
	}
	s := &server{name: "PC2", dir: cfg.dir, addr: addr, write: "/write?path=~/", read: "/read?path=~/", log: cfg.dir + ".log"}
	args := []string{"serve", "--data", cfg.dir, "--listen", addr, "--profile", "local"}
	if cfg.ready != "" {
		args = append(args, "--ready-file", cfg.ready)
	}
	if cfg.name != "" {
		args = append(args, "--name", cfg.name)
	}
	began := time.Now()
	if err := s.launch(cfg.program, args...); err != nil {
		return nil, 0, err
	}
	err = s.answers("/health")
	return s, time.Since(began), err
}

// waitFile waits for a file that appears whole.
func waitFile(ctx context.Context, name string) ([]byte, error) {
	for {
		b, err := os.ReadFile(name)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", name, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// version of the nginx that is measured.
func nginxVersion(s *server) string {
	out, err := exec.Command(s.cmd.Path, "-v").CombinedOutput()
	if err != nil {
		return "unknown"
	}
	_, v, _ := strings.Cut(strings.TrimSpace(string(out)), "nginx/")
	return v
}
