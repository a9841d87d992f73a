package boson

import (
	"crypto/rand"
	"errors"
	"sync"
)

var ErrRepeated = errors.New("boson: the same nonce twice in a row")

// ContextOverhead is what Context.Seal adds: nonce and tag.
const ContextOverhead = NonceSize + BoxOverhead

// Context is one side of a lasting exchange of boxed messages, each with its
// nonce in front: nonce 24 ‖ tag 16 ‖ ciphertext. The nonces start at random and
// grow by one, as a little-endian number, whatever connection carries them.
//
// Open refuses a message that repeats the nonce of the one accepted before it.
// Older ones are not remembered: this is the network's rule and no protection
// against replay.
type Context struct {
	hidden
	box Box

	sending sync.Mutex
	next    Nonce

	receiving sync.Mutex
	last      Nonce
	received  bool // whether last is one
}

// NewContext starts an exchange. It may be used by many goroutines.
func NewContext(b Box) *Context {
	c := &Context{box: b}
	rand.Read(c.next[:])
	return c
}

// Box is what the messages are boxed with.
func (c *Context) Box() Box { return c.box }

// Seal appends the message of plain, which must not be empty, to dst.
func (c *Context) Seal(dst, plain []byte) []byte {
	c.sending.Lock()
	nonce := c.next
	c.next.increment()
	c.sending.Unlock()
	return c.box.Seal(append(dst, nonce[:]...), plain, &nonce)
}

// Open appends what message holds to dst.
func (c *Context) Open(dst, message []byte) ([]byte, error) {
	if len(message) <= ContextOverhead {
		return nil, ErrOpen
	}
	nonce := Nonce(message)
	plain, err := c.box.Open(dst, message[NonceSize:], &nonce)
	if err != nil {
		return nil, err
	}
	// Looked at last, so that a stranger cannot set it.
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.received && c.last == nonce {
		return nil, ErrRepeated
	}
	c.last, c.received = nonce, true
	return plain, nil
}

func (n *Nonce) increment() {
	for i := range n {
		n[i]++
		if n[i] != 0 {
			return
		}
	}
}
