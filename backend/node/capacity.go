package node

import "math"

// Bounds of the automatic storage limit (API specification §1.4).
const (
	autoShare = 0.8
	autoMin   = 1 << 30
	autoMax   = 500 << 30
)

// capacity is how many bytes may be stored in all, given how many are in use.
func (n *Node) capacity(used int64) int64 {
	l := n.conf.Storage.Limit
	switch {
	case l.Unlimited:
		return math.MaxInt64
	case !l.Auto:
		return l.Bytes
	}
	free, err := freeSpace(n.cfg.Dir)
	if err != nil {
		n.log.Warn("free space is unknown", "err", err)
		return autoMax
	}
	return autoLimit(free, used, n.conf.Storage.Reserve)
}

func autoLimit(free, used, reserve int64) int64 {
	return min(max(int64(autoShare*float64(free+used-reserve)), autoMin), autoMax)
}
