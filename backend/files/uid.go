package files

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/google/uuid"
)

// uids makes the uids of new entries: UUIDs of version 4, of which 74 bits are random
// and the first 48 are random for a run of them, which counts up. So the index of uids
// grows at one place a run. With uids that are random alone each one would have its
// own page to be read, changed, and written twice. It is the writer's, like folders.
type uids struct {
	run  [4]byte
	next uint16
}

func (u *uids) make() string {
	if u.next == 0 {
		rand.Read(u.run[:])
	}
	id := uuid.New()
	copy(id[:], u.run[:])
	binary.BigEndian.PutUint16(id[len(u.run):], u.next)
	u.next++
	return id.String()
}
