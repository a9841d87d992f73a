package node

import (
	"context"
	"sync"
	"time"

	"pc2/backend/files"
)

// Bounds of the automatic storage limit (API specification §1.4).
const (
	autoShare = 0.8
	autoMin   = 1 << 30
	autoMax   = 500 << 30
)

// capacity is how many bytes may be stored in all. The automatic limit is asked
// of the file system at most every few seconds: each write wants to know.
type capacity struct {
	node *Node

	mu    sync.Mutex
	at    time.Time
	bytes int64
}

func (c *capacity) limit() int64 {
	l := c.node.conf.Storage.Limit
	switch {
	case l.Unlimited:
		return files.Unlimited
	case !l.Auto:
		return min(l.Bytes, files.Unlimited)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < 5*time.Second {
		return c.bytes
	}
	free, err := freeSpace(c.node.cfg.Dir)
	var used int64
	if err == nil {
		err = c.node.db.Read(context.Background()).QueryRow("SELECT coalesce(sum(used_bytes), 0) FROM users").Scan(&used)
	}
	c.at, c.bytes = time.Now(), autoLimit(free, used, c.node.conf.Storage.Reserve)
	if err != nil {
		c.node.log.Warn("free space is unknown", "err", err)
		c.bytes = autoMax // the disk itself says no in time
	}
	return c.bytes
}

func autoLimit(free, used, reserve int64) int64 {
	return min(max(int64(autoShare*float64(free+used-reserve)), autoMin), autoMax)
}
