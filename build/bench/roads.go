//go:build linux

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// roads are the ways to one home: a server that answers from memory.
type roads struct {
	direct *server // no road at all
	name   *server // gateway and relay of pc2super
	mapped *server // its relay alone
	nginx  *server // nginx, TLS, nginx
	ssh    *server // ssh -R; nil: there is no sshd here
	tcp    *server // a relay that only copies
	super  *server // the process
}

// all are the roads that there are, in the order of the table.
func (r *roads) all() (all []*server) {
	for _, v := range []*server{r.name, r.mapped, r.nginx, r.ssh, r.tcp} {
		if v != nil {
			all = append(all, v)
		}
	}
	return all
}

// waitReady reads a ready file as soon as it is there, or says why it will not come.
func (s *server) waitReady(ctx context.Context, file string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	b, err := waitFile(ctx, file)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", s.name, err, s.tail())
	}
	return json.Unmarshal(b, v)
}

// begin starts a part of a road, which ends with the suite.
func (s *suite) begin(v *server, program string, args ...string) error {
	err := v.launch(program, args...)
	s.runs(v)
	return err
}

// role starts this program as something else.
func (s *suite) role(ctx context.Context, dir, role string, args ...string) (*server, ends, error) {
	v, ready := &server{name: role, log: filepath.Join(dir, role+".log")}, filepath.Join(dir, role+".json")
	var e ends
	self, err := os.Executable()
	if err != nil {
		return nil, e, err
	}
	if err := s.begin(v, self, append([]string{role, ready}, args...)...); err != nil {
		return nil, e, err
	}
	return v, e, v.waitReady(ctx, ready, &e)
}

// startSuper starts pc2super.
func (s *suite) startSuper(ctx context.Context, dir string) (*server, superReady, error) {
	v, ready := &server{name: "pc2super", log: filepath.Join(dir, "super.log")}, filepath.Join(dir, "super.json")
	var at superReady
	err := s.begin(v, s.in("pc2super"), "serve", "--data", filepath.Join(dir, "super"), "--domain", "localhost", "--scheme", "http",
		"--public-host", "127.0.0.1", "--http", "127.0.0.1:0", "--proxy", "127.0.0.1:0", "--open-relay", "--ready-file", ready)
	if err != nil {
		return nil, at, err
	}
	return v, at, v.waitReady(ctx, ready, &at)
}

// startRoads starts a home and the roads to it.
func (s *suite) startRoads(ctx context.Context, dir string) (*roads, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	super, at, err := s.startSuper(ctx, dir)
	if err != nil {
		return nil, err
	}
	home, e, err := s.role(ctx, dir, "home", filepath.Join(dir, "super.json"))
	if err != nil {
		return nil, err
	}
	home.addr = e.Direct
	_, port, err := net.SplitHostPort(at.HTTPAddr)
	if err != nil {
		return nil, err
	}
	r := &roads{
		super:  super,
		direct: home,
		name:   &server{name: "PC2 by name", addr: at.HTTPAddr, host: e.Name + ".localhost:" + port, also: []*server{super, home}},
		mapped: &server{name: "PC2 relay", addr: e.Mapped, spread: true, also: []*server{super, home}},
	}
	copier, ce, err := s.role(ctx, dir, "relay", e.Direct)
	if err != nil {
		return nil, err
	}
	r.tcp = &server{name: "plain TCP relay", addr: ce.Direct, also: []*server{copier, home}}
	if r.nginx, err = s.startTwoHops(filepath.Join(dir, "nginx"), "http://"+e.Direct); err != nil {
		return nil, err
	}
	r.nginx.also = append(r.nginx.also, home)
	if r.ssh, err = s.startSSH(filepath.Join(dir, "ssh"), e.Direct); err != nil {
		return nil, err
	}
	if r.ssh != nil {
		r.ssh.also = append(r.ssh.also, home)
	}
	for _, v := range append(r.all(), r.direct) {
		v.read, v.write = "/bytes/", "/sink/"
		if err := v.answers("/1k"); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// stopRoads ends what startRoads started: the home first, which would miss its relay.
func (s *suite) stopRoads(r *roads) error {
	errs := []error{r.direct.stop()}
	for _, v := range r.all() {
		errs = append(errs, v.stop())
		for _, other := range v.also {
			errs = append(errs, other.stop())
		}
	}
	return errors.Join(errs...)
}

const nginxFront = `
	upstream home { server %s; keepalive 256; keepalive_requests 1000000000; }
	server {
		listen %s reuseport;
		location / {
			proxy_pass https://home;
			proxy_ssl_protocols TLSv1.3;
		}
	}
`

const nginxEnd = `
	upstream home { server %s; keepalive 256; keepalive_requests 1000000000; }
	server {
		listen %s ssl reuseport;
		ssl_certificate %[3]s;
		ssl_certificate_key %[3]s;
		ssl_protocols TLSv1.3;
		location / { proxy_pass http://home; }
	}
`

// proxying is for both: connections last, bodies stream, and nothing is kept on the disk.
const proxying = `
	proxy_http_version 1.1;
	proxy_set_header Host $http_host;
	proxy_set_header Connection "";
	proxy_request_buffering off;
	proxy_max_temp_file_size 0;
	proxy_buffer_size 64k;
	proxy_buffers 8 64k;
`

// startTwoHops starts an nginx that speaks TLS to another one, which asks home.
func (s *suite) startTwoHops(dir, home string) (*server, error) {
	end, err := freeAddr()
	if err != nil {
		return nil, err
	}
	certificate, err := selfSigned(dir)
	if err != nil {
		return nil, err
	}
	b, err := s.nginxWith(filepath.Join(dir, "end"), "nginx, the home's end", proxying+fmt.Sprintf(nginxEnd, strings.TrimPrefix(home, "http://"), end, certificate))
	if err != nil {
		return nil, err
	}
	return s.startFront(filepath.Join(dir, "front"), end, b)
}

// startFront starts the nginx that visitors come to. end is where the other one speaks TLS.
func (s *suite) startFront(dir, end string, other *server) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	front, err := s.nginxWith(dir, "nginx, two hops", proxying+fmt.Sprintf(nginxFront, end, addr))
	if err != nil {
		return nil, err
	}
	front.addr, front.also = addr, []*server{other}
	return front, nil
}

func (s *suite) nginxWith(dir, name, servers string) (*server, error) {
	config, err := writeNginx(dir, servers)
	if err != nil {
		return nil, err
	}
	v := &server{name: name, dir: dir, log: filepath.Join(dir, "log")}
	return v, s.begin(v, nginxProgram(), "-p", dir, "-c", config)
}

// selfSigned makes a certificate with its key in one file.
func selfSigned(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"home"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, public, private)
	if err != nil {
		return "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	file := filepath.Join(dir, "certificate.pem")
	return file, os.WriteFile(file, both, 0o600)
}

const sshdConfig = `
ListenAddress %s
HostKey %[2]s/host
PidFile none
AuthorizedKeysFile %[2]s/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding remote
`

// startSSH starts an sshd of its own, and an ssh that lends it a way to home. It
// returns nil where there is no sshd.
func (s *suite) startSSH(dir, home string) (*server, error) {
	sshd, ok := findSSHD()
	if !ok {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	if os.Geteuid() == 0 { // Debian's service makes it otherwise
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(dir, "sshd_config")
	if err := os.WriteFile(config, fmt.Appendf(nil, sshdConfig, addr, dir), 0o600); err != nil {
		return nil, err
	}
	d := &server{name: "sshd", log: filepath.Join(dir, "sshd.log"), dies: true}
	if err := s.begin(d, sshd, "-D", "-e", "-f", config); err != nil {
		return nil, err
	}
	if err := listens(d, addr); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	v := &server{name: "ssh -R", log: filepath.Join(dir, "ssh.log"), also: []*server{d}, dies: true}
	err = s.begin(v, "ssh", "-N", "-F", "none", "-p", port, "-i", filepath.Join(dir, "user"), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:"+home, host)
	if err != nil {
		return nil, err
	}
	v.addr, err = v.allocated()
	return v, err
}

// findSSHD says where sshd is: it starts itself anew and wants to know.
func findSSHD() (path string, ok bool) {
	if _, err := exec.LookPath("ssh"); err != nil {
		return "", false
	}
	for _, p := range []string{"sshd", "/usr/sbin/sshd"} {
		if found, err := exec.LookPath(p); err == nil && filepath.IsAbs(found) {
			return found, true
		}
	}
	return "", false
}

// listens waits until somebody listens at the address.
func listens(v *server, addr string) error {
	for range 2000 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s does not listen\n%s", v.name, v.tail())
}

var allocatedPort = regexp.MustCompile(`Allocated port (\d+) for remote forward`)

// allocated is where an ssh -R is reached, as ssh says in its log.
func (s *server) allocated() (string, error) {
	for range 2000 {
		if m := allocatedPort.FindStringSubmatch(s.tail()); m != nil {
			return "127.0.0.1:" + m[1], nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", fmt.Errorf("ssh -R gets no port\n%s", s.tail())
}
