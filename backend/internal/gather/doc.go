// Package gather is a connection whose small writes go out together.
//
//	c = gather.New(c)
//	c.Write(frame)     // taken; leaves with those that come before the wire is free
//
// HTTP/2 flushes after each request's head, each answer's head and each answer's
// body. On a relay every write is a packet that is sealed, sent, received and opened at
// the other end, which is most of what a small request costs there. So what comes
// while a write is under way waits for it, and leaves in one packet, up to 64 KiB;
// writes of more than 16 KiB are not copied but wait for their turn.
//
// A goroutine writes while something waits; a connection that is silent has none,
// and holds 16 KiB at most. As with a socket, a Write that returns has only been taken:
// an error comes with a later one, and Close lets what was taken leave, for up to 5 s.
package gather
