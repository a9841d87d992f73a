//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// conn is one HTTP/1.1 connection with as little as possible between us and the
// socket: blocking calls, no goroutine, no parsing beyond what is needed.
type conn struct {
	fd       int
	headers  string // of every request
	buf      []byte
	from, to int // of buf: received, not yet taken
}

// dial connects to host:port. host is what requests say, if it is another one;
// headers end with CRLF, or are empty.
func dial(hostport, host, headers string) (*conn, error) {
	return dialFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), hostport, host, headers)
}

func dialFrom(from netip.Addr, hostport, host, headers string) (*conn, error) {
	if host == "" {
		host = hostport
	}
	at, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}),
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}),
	)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &conn{fd: fd, headers: "Host: " + host + "\r\n" + headers, buf: make([]byte, 256<<10)}, nil
}

func (c *conn) close() { unix.Close(c.fd) }

// put sends size bytes, those that data repeats for ever, and returns the status.
func (c *conn) put(target string, data []byte, size int64) (int, error) {
	head := fmt.Appendf(nil, "PUT %s HTTP/1.1\r\n%sContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", target, c.headers, size)
	if size <= 64<<10 { // in one call, as any client does
		if err := c.send(append(head, data[:size]...)); err != nil {
			return 0, err
		}
		return c.answer(nil)
	}
	if err := c.send(head); err != nil {
		return 0, err
	}
	for size > 0 {
		n := min(size, int64(len(data)))
		if err := c.send(data[:n]); err != nil {
			return 0, err
		}
		size -= n
	}
	return c.answer(nil)
}

// get asks for a target and hands the body to take, in pieces.
func (c *conn) get(target, headers string, take func([]byte) error) (int, error) {
	if err := c.send([]byte("GET " + target + " HTTP/1.1\r\n" + c.headers + headers + "\r\n")); err != nil {
		return 0, err
	}
	return c.answer(take)
}

// send writes all of b.
func (c *conn) send(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		b = b[n:]
	}
	return nil
}

// more receives at least one byte more.
func (c *conn) more() error {
	if c.from == c.to {
		c.from, c.to = 0, 0
	}
	if c.to == len(c.buf) {
		return errors.New("answer: headers are too long")
	}
	for {
		n, err := unix.Read(c.fd, c.buf[c.to:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		c.to += n
		return nil
	}
}

// answer reads an answer and returns its status.
func (c *conn) answer(take func([]byte) error) (int, error) {
	if take == nil {
		take = func([]byte) error { return nil }
	}
	end := -1
	for end < 0 {
		if err := c.more(); err != nil {
			return 0, err
		}
		end = bytes.Index(c.buf[c.from:c.to], []byte("\r\n\r\n"))
	}
	head := c.buf[c.from : c.from+end+2]
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) || len(head) < 12 {
		return 0, fmt.Errorf("answer: %q", head[:min(len(head), 40)])
	}
	status, err := strconv.Atoi(string(head[9:12]))
	if err != nil {
		return 0, err
	}
	length, chunked, err := lengthOf(head, status)
	if err != nil {
		return 0, err
	}
	c.from += end + 4
	if chunked {
		return status, c.chunks(take)
	}
	return status, c.body(length, take)
}

// lengthOf finds in the headers how long the body is.
func lengthOf(head []byte, status int) (n int64, chunked bool, err error) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, err = strconv.ParseInt(string(value), 10, 64)
			return n, false, err
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, true, nil
		}
	}
	if status == 204 || status == 304 {
		return 0, false, nil
	}
	return 0, false, errors.New("answer without a length")
}

func (c *conn) body(n int64, take func([]byte) error) error {
	for n > 0 {
		if c.from == c.to {
			if err := c.more(); err != nil {
				return err
			}
		}
		b := c.buf[c.from:min(c.to, c.from+int(min(n, int64(len(c.buf)))))]
		if err := take(b); err != nil {
			return err
		}
		c.from += len(b)
		n -= int64(len(b))
	}
	return nil
}

func (c *conn) chunks(take func([]byte) error) error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(line), 16, 64)
		if err != nil {
			return fmt.Errorf("chunk: %w", err)
		}
		if err := c.body(n, take); err != nil {
			return err
		}
		if _, err := c.line(); err != nil { // there are no trailers
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// line takes a line, without its end.
func (c *conn) line() ([]byte, error) {
	for {
		if i := bytes.Index(c.buf[c.from:c.to], []byte("\r\n")); i >= 0 {
			line := c.buf[c.from : c.from+i]
			c.from += i + 2
			return line, nil
		}
		if c.to == len(c.buf) { // make room: what is left is short
			c.to = copy(c.buf, c.buf[c.from:c.to])
			c.from = 0
		}
		if err := c.more(); err != nil {
			return nil, err
		}
	}
}
