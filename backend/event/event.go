package event

import (
	"reflect"
	"sync"
	"sync/atomic"
)

// Bus carries events of any number of types. The zero value is not usable; see New.
type Bus struct {
	mu   sync.RWMutex
	subs map[reflect.Type]map[any]func(any) // type -> subscription -> offer
}

// New returns an empty bus.
func New() *Bus { return &Bus{subs: map[reflect.Type]map[any]func(any){}} }

// Sub receives events of type T from the moment of Subscribe until Close.
type Sub[T any] struct {
	bus  *Bus
	c    chan T
	lost atomic.Int64
	once sync.Once
}

// Subscribe returns a subscription with a queue of the given length (at least 1).
func Subscribe[T any](b *Bus, queue int) *Sub[T] {
	s := &Sub[T]{bus: b, c: make(chan T, max(queue, 1))}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := reflect.TypeFor[T]()
	if b.subs[t] == nil {
		b.subs[t] = map[any]func(any){}
	}
	b.subs[t][s] = func(e any) {
		select {
		case s.c <- e.(T):
		default:
			s.lost.Add(1)
		}
	}
	return s
}

// C is the queue. It is closed by Close.
func (s *Sub[T]) C() <-chan T { return s.c }

// Lost returns how many events did not fit since the last call.
func (s *Sub[T]) Lost() int64 { return s.lost.Swap(0) }

// Close ends the subscription; calling it again does nothing.
func (s *Sub[T]) Close() {
	s.once.Do(func() {
		s.bus.mu.Lock()
		defer s.bus.mu.Unlock()
		delete(s.bus.subs[reflect.TypeFor[T]()], s)
		close(s.c)
	})
}

// Publish offers e to every subscriber of its type and returns at once.
func Publish[T any](b *Bus, e T) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, offer := range b.subs[reflect.TypeFor[T]()] {
		offer(e)
	}
}
