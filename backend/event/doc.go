// Package event is a typed bus: what has happened, told after it is committed,
// to whoever listens, without waiting for anybody.
//
//	bus := event.New()
//	sub := event.Subscribe[files.Changed](bus, 256)
//	defer sub.Close()
//	for c := range sub.C() { … }
//	if sub.Lost() > 0 { /* re-read: some events did not fit */ }
//
//	event.Publish(bus, files.Changed{…})
//
// Publish never blocks: a queue that is full drops the event and counts it, and
// the subscriber that was too slow reads the truth again. Events of one
// publisher arrive in the order in which they were published.
package event
