package lobby

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// admit wants the one byte that stands for all that a guest could show.
func admit(c net.Conn) (net.Conn, error) {
	b := make([]byte, 1)
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, err
	}
	if b[0] != '!' {
		return nil, errors.New("wrong")
	}
	return c, nil
}

func listen(t *testing.T, cfg Config) *Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Admit = admit
	l := New(inner, cfg)
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener, say string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, say); err != nil {
		t.Fatal(err)
	}
	return c
}

// closed says whether the other end hangs up without a byte.
func closed(t *testing.T, c net.Conn) bool {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := c.Read(make([]byte, 1))
	var late net.Error
	return n == 0 && err != nil && !(errors.As(err, &late) && late.Timeout())
}

func TestSilentOnesKeepNobodyWaiting(t *testing.T) {
	l := listen(t, Config{})
	for range 20 {
		dial(t, l, "")
	}
	want := dial(t, l, "!")
	got, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if got.RemoteAddr().String() != want.LocalAddr().String() {
		t.Fatal("another connection")
	}
	// Deadlines of the lobby do not reach further.
	go func() { time.Sleep(20 * time.Millisecond); want.Write([]byte("x")) }()
	if _, err := io.ReadFull(got, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedAndLate(t *testing.T) {
	why := make(chan error, 10)
	l := listen(t, Config{Timeout: 50 * time.Millisecond, Refused: func(_ net.Conn, err error) { why <- err }})
	wrong, silent := dial(t, l, "?"), dial(t, l, "")
	go l.Accept()
	for _, c := range []net.Conn{wrong, silent} {
		if !closed(t, c) {
			t.Error("still open")
		}
	}
	for range 2 {
		if err := <-why; err == nil {
			t.Error("refused without a reason")
		}
	}
}

func TestTheOldestMakesRoom(t *testing.T) {
	why := make(chan error, 10)
	l := listen(t, Config{Max: 2, Timeout: time.Minute, Refused: func(_ net.Conn, err error) { why <- err }})
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			accepted <- c
		}
	}()
	first := dial(t, l, "")
	for range 2 {
		dial(t, l, "")
		time.Sleep(10 * time.Millisecond) // so that they arrive in this order
	}
	if !closed(t, first) {
		t.Fatal("the oldest is still there")
	}
	if err := <-why; !errors.Is(err, ErrCrowded) {
		t.Fatal(err)
	}
	dial(t, l, "!")
	select {
	case c := <-accepted:
		c.Close()
	case <-time.After(5 * time.Second):
		t.Fatal("a full lobby lets nobody in")
	}
}

func TestClose(t *testing.T) {
	l := listen(t, Config{Timeout: time.Minute})
	failed := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		failed <- err
	}()
	c := dial(t, l, "")
	time.Sleep(10 * time.Millisecond)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if !closed(t, c) {
		t.Fatal("who waited is still connected")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	l.Close()
}

func TestInnerErrorReachesAccept(t *testing.T) {
	l := listen(t, Config{})
	l.inner.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}
