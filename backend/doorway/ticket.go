package doorway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"pc2/backend/boson"
)

const (
	ticketInfo = "pc2 gateway ticket"
	ticketHead = Protocol + ":"
	ticketBody = 8 + 16
	ticketSize = ticketBody + sha256.Size
	ticketLife = 5 * time.Minute // around its time
	maxSpent   = 1 << 16         // tickets remembered in each map
)

// ticketKey is known to the two ends of a box alone.
func ticketKey(own boson.Key, other boson.ID) ([32]byte, error) {
	box, err := own.Box(other)
	if err != nil {
		return [32]byte{}, err
	}
	return box.Derive(ticketInfo), nil
}

// newTicket is the second ALPN entry.
func newTicket(key [32]byte, now time.Time) string {
	b := make([]byte, ticketBody, ticketSize)
	binary.BigEndian.PutUint64(b, uint64(now.UnixMilli()))
	rand.Read(b[8:])
	return ticketHead + base64.RawURLEncoding.EncodeToString(append(b, seal(key, b)...))
}

func seal(key [32]byte, body []byte) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write(body)
	return m.Sum(nil)
}

// tickets checks what is offered and knows what was spent. Only who can make
// tickets can make it remember any.
type tickets struct {
	keys [][32]byte // one for each super node
	now  func() time.Time

	mu     sync.Mutex
	spent  [2]map[[16]byte]bool // by their random part: since turned, and in the time before
	turned time.Time
}

func newTickets(own boson.Key, supers []boson.ID, now func() time.Time) (*tickets, error) {
	t := &tickets{now: now, spent: [2]map[[16]byte]bool{{}, {}}}
	for _, id := range supers {
		key, err := ticketKey(own, id)
		if err != nil {
			return nil, err
		}
		t.keys = append(t.keys, key)
	}
	return t, nil
}

// spend says whether an ALPN offer holds a good ticket, which is then used up.
func (t *tickets) spend(offer []string) bool {
	good, ours := false, false
	for _, p := range offer {
		ours = ours || p == Protocol
		if text, ok := strings.CutPrefix(p, ticketHead); ok && !good {
			good = t.check(text)
		}
	}
	return good && ours
}

func (t *tickets) check(text string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != ticketSize {
		return false
	}
	good := false
	for _, key := range t.keys {
		good = hmac.Equal(b[ticketBody:], seal(key, b[:ticketBody])) || good
	}
	if !good {
		return false
	}
	now := t.now()
	age := now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b))))
	return age <= ticketLife && age >= -ticketLife && t.first([16]byte(b[8:ticketBody]), now)
}

// first notes a ticket, and says whether it is a new one. Each of the two maps
// takes tickets for as long as one can be good, so together they hold every one
// that still is.
func (t *tickets) first(id [16]byte, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.turned) > 2*ticketLife || now.Before(t.turned) {
		t.spent[0], t.spent[1] = map[[16]byte]bool{}, t.spent[0]
		t.turned = now
	}
	if t.spent[0][id] || t.spent[1][id] || len(t.spent[0]) >= maxSpent {
		return false
	}
	t.spent[0][id] = true
	return true
}
