package gateway

import (
	"net"
	"sync"
	"time"
)

// answerTime is how long the answer of a node that reads no further is waited for.
const answerTime = 2 * time.Second

// refused is a connection to a node that may answer a body it has not read, and
// close: net/http does so after a request that is its connection's last. What is
// still being written then fails, and the transport would throw away an answer
// that is already here. So the write's error waits until the answer was read, which
// shows in Close, or can be no more.
type refused struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func newRefused(c net.Conn) *refused { return &refused{Conn: c, closed: make(chan struct{})} }

func (r *refused) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	if err == nil || timedOut(err) {
		return n, err
	}
	late := time.NewTimer(answerTime)
	defer late.Stop()
	select {
	case <-r.closed:
	case <-late.C:
	}
	return n, err
}

func (r *refused) Close() error {
	r.once.Do(func() { close(r.closed) })
	return r.Conn.Close()
}
