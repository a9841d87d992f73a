package activeproxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one TCP connection between device and relay, seen as packets. Its
// owner's goroutine reads it while it is idle and lends it to a Conn while it
// carries a visitor.
type link struct {
	conn  net.Conn
	pool  *buffers
	born  time.Time
	relay bool // this is the relay's end: it hears PING, the other end PING_ACK
	limit int  // of a packet's size

	// Of whoever reads: the owner, or the Conn that the link is lent to.
	buf  []byte // own[:] or large[:]; what was read and not taken is buf[r:w]
	r, w int
	// Most links are idle most of the time, so the large buffer is there only while
	// a large packet is.
	own   [maxControl]byte
	large *buffer

	// wmu is held while writing. Packets without content are posted: whoever
	// holds wmu writes them too, so that no reader ever waits for a writer; two
	// ends that both did would wait for each other.
	wmu    sync.Mutex
	posted atomic.Uint32

	// Nanoseconds since born. reading is since when somebody waits for a packet, 0
	// for nobody; waited is for how long others did before, since heard.
	heard, said, reading, waited atomic.Int64
	timer                        *time.Timer

	once  sync.Once
	gone  chan struct{}
	cause error // set before gone is closed
}

// What can be posted, in the order in which it is written.
const (
	postPong uint32 = 1 << iota
	postDisconnectAck
	postDisconnect
	postPing
)

var postings = [...]kind{pingAck, disconnectAck, disconnect, ping}

func newLink(conn net.Conn, pool *buffers, relay bool) *link {
	l := &link{conn: conn, pool: pool, born: time.Now(), relay: relay, limit: maxPacket, gone: make(chan struct{})}
	l.buf = l.own[:]
	return l
}

func (l *link) now() int64 { return max(1, int64(time.Since(l.born))) }

// fail ends the link; the first cause counts.
func (l *link) fail(cause error) {
	l.once.Do(func() {
		l.cause = cause
		close(l.gone)
		l.conn.Close()
	})
}

// lost is the error of whoever used the link when it ended.
func (l *link) lost() error {
	<-l.gone
	return fmt.Errorf("%w: %w", ErrLost, l.cause)
}

func (l *link) isGone() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

// packet returns the next packet, which stays valid until the next call. After
// a timeout the call can be repeated; any other error has ended the link.
func (l *link) packet() (kind, []byte, error) {
	for {
		l.settle()
		have := l.buf[l.r:l.w]
		size, k, err := header(have)
		if err == nil && size > l.limit {
			err = wrong("%s of %d bytes", k, size)
		}
		if err != nil {
			l.fail(err)
			return invalid, nil, l.lost()
		}
		if size > 0 && len(have) >= size {
			l.r += size
			return k, have[:size], nil
		}
		if err := l.read(max(size, headerSize)); err != nil {
			return invalid, nil, err
		}
	}
}

// challenge returns the first packet that a device reads, which has no type.
func (l *link) challenge() ([]byte, error) {
	for {
		have := l.buf[l.r:l.w]
		size := 2
		if len(have) >= 2 {
			size = int(have[0])<<8 | int(have[1])
			if size < 2+minChallenge || size > len(l.own) {
				l.fail(wrong("CHALLENGE of %d bytes", size))
				return nil, l.lost()
			}
			if len(have) >= size {
				l.r += size
				return decodeChallenge(have[:size])
			}
		}
		if err := l.read(size); err != nil {
			return nil, err
		}
	}
}

// settle gives the large buffer back once nothing is in it.
func (l *link) settle() {
	if l.r < l.w {
		return
	}
	l.r, l.w = 0, 0
	if l.large != nil {
		l.pool.put(l.large)
		l.large, l.buf = nil, l.own[:]
	}
}

// read waits for more bytes of a packet of at least need.
func (l *link) read(need int) error {
	if need > len(l.buf) {
		l.large = l.pool.get()
		l.w = copy(l.large[:], l.buf[l.r:l.w])
		l.r, l.buf = 0, l.large[:]
	} else if need > len(l.buf)-l.r {
		l.w = copy(l.buf, l.buf[l.r:l.w])
		l.r = 0
	}
	start := l.now()
	l.reading.Store(start)
	n, err := l.conn.Read(l.buf[l.w:])
	l.reading.Store(0)
	now := l.now()
	if n > 0 {
		l.w += n
		l.heard.Store(now)
		l.waited.Store(0)
		return nil
	}
	l.waited.Add(now - start)
	var timeout net.Error
	switch {
	case l.isGone():
		return l.lost()
	case err == nil:
		return nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return err
	case errors.Is(err, io.EOF):
		// Only DISCONNECT ends a tunnel well; nobody may take this for the end of a file.
		err = io.ErrUnexpectedEOF
	}
	l.fail(err)
	return l.lost()
}

// lock makes the caller the writer. What was posted before goes out before.
func (l *link) lock() error {
	l.wmu.Lock()
	return l.flush()
}

// unlock writes what was posted meanwhile.
func (l *link) unlock() {
	for {
		l.flush() // its error has ended the link
		l.wmu.Unlock()
		if l.posted.Load() == 0 || !l.wmu.TryLock() {
			return
		}
	}
}

// post sends packets without content as soon as possible and never waits.
func (l *link) post(packets uint32) {
	l.posted.Or(packets)
	if l.wmu.TryLock() {
		go l.unlock()
	}
}

func (l *link) flush() error {
	posted := l.posted.Swap(0)
	if posted == 0 {
		return nil
	}
	var b []byte
	for i, k := range postings {
		if posted&(1<<i) != 0 {
			b = appendBare(b, k, dice{})
		}
	}
	return l.write(b)
}

// write sends packets; the caller has wmu. Whatever the error, the other side
// can have a part, so the link is lost.
func (l *link) write(packets []byte) error {
	if l.isGone() {
		return l.lost()
	}
	if _, err := l.conn.Write(packets); err != nil {
		l.fail(err)
		return l.lost()
	}
	l.said.Store(l.now())
	return nil
}

// send is write for those who do not hold wmu.
func (l *link) send(packet []byte) error {
	defer l.unlock()
	if err := l.lock(); err != nil {
		return err
	}
	return l.write(packet)
}

// watch calls check after d, and again after what it returns, while the link lasts.
func (l *link) watch(d time.Duration, check func() time.Duration) {
	l.timer = time.AfterFunc(time.Hour, func() {
		if next := check(); !l.isGone() {
			l.timer.Reset(next)
		}
	})
	l.timer.Reset(d)
}

// unwatch is for the owner that lets the link go.
func (l *link) unwatch() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// quiet is for how long packets have been waited for in vain. It does not count
// the time when nobody would have read them: a slow visitor is no dead link.
func (l *link) quiet() time.Duration {
	waited := l.waited.Load()
	if reading := l.reading.Load(); reading != 0 {
		waited += l.now() - reading
	}
	return time.Duration(waited)
}

// stuck says whether somebody is writing. The caller posts something next: what
// was posted while stuck had the lock is still to be written.
func (l *link) stuck() bool {
	if !l.wmu.TryLock() {
		return true
	}
	l.wmu.Unlock()
	return false
}

func (l *link) lastHeard() time.Time { return l.born.Add(time.Duration(l.heard.Load())) }

// buffer holds one packet of any size.
type buffer [maxPacket + 1]byte

// buffers lends them.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new(buffer) }}}
}

func (b *buffers) get() *buffer  { return b.pool.Get().(*buffer) }
func (b *buffers) put(x *buffer) { b.pool.Put(x) }
