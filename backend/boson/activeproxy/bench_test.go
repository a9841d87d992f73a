//go:build unix

package activeproxy

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"pc2/backend/boson"
)

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure reports MB/s and CPU s/GiB of everything in the process: visitor, relay
// and device.
func measure(b *testing.B, transfer func(bytes int64)) {
	const each = 64 << 20
	transfer(each) // pools, windows
	start := cpu(b)
	b.SetBytes(each)
	b.ResetTimer()
	n := 0
	for b.Loop() {
		transfer(each)
		n++
	}
	b.ReportMetric((cpu(b)-start).Seconds()/(float64(n)*each/(1<<30)), "cpu-s/GiB")
}

func drain(b *testing.B, r io.Reader, n int64) {
	buf := make([]byte, 256<<10)
	for n > 0 {
		m, err := r.Read(buf)
		if err != nil {
			b.Error(err)
			return
		}
		n -= int64(m)
	}
}

// benchmarkStreams moves data over that many connections at once.
func benchmarkStreams(b *testing.B, streams int, open func(*relay) net.Conn, upload bool) {
	orders, done := make(chan int64), make(chan bool)
	r, _ := pair(b, func(c net.Conn) {
		for n := range orders {
			if upload {
				drain(b, c, n)
			} else {
				pour(c, n)
			}
			done <- true
		}
	})
	var conns []net.Conn
	for range streams {
		c := open(r)
		c.SetDeadline(time.Time{})
		conns = append(conns, c)
	}
	measure(b, func(bytes int64) {
		share := bytes / int64(streams)
		var wg sync.WaitGroup
		for _, c := range conns {
			wg.Go(func() {
				if upload {
					pour(c, share)
				} else {
					drain(b, c, share)
				}
			})
		}
		for range streams {
			orders <- share
		}
		for range streams {
			<-done
		}
		wg.Wait()
	})
	close(orders)
	for _, c := range conns {
		c.Close()
	}
}

func BenchmarkStreams(b *testing.B) {
	visitor := func(r *relay) net.Conn { return r.visitor(b) }
	gateway := func(r *relay) net.Conn { return r.dial(b) }
	b.Run("visitor/down/1", func(b *testing.B) { benchmarkStreams(b, 1, visitor, false) })
	b.Run("visitor/down/8", func(b *testing.B) { benchmarkStreams(b, 8, visitor, false) })
	b.Run("visitor/up/1", func(b *testing.B) { benchmarkStreams(b, 1, visitor, true) })
	b.Run("visitor/up/8", func(b *testing.B) { benchmarkStreams(b, 8, visitor, true) })
	b.Run("gateway/down/1", func(b *testing.B) { benchmarkStreams(b, 1, gateway, false) })
	b.Run("gateway/up/1", func(b *testing.B) { benchmarkStreams(b, 1, gateway, true) })
}

// BenchmarkPlainTCP is a relay that only copies, with the same two hops.
func BenchmarkPlainTCP(b *testing.B) {
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { l.Close() })
		return l
	}
	orders := make(chan int64)
	device, relay := listen(), listen()
	go func() {
		c, err := device.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for n := range orders {
			pour(c, n)
		}
	}()
	go func() {
		v, err := relay.Accept()
		if err != nil {
			return
		}
		defer v.Close()
		c, err := net.Dial("tcp", device.Addr().String())
		if err != nil {
			return
		}
		defer c.Close()
		io.CopyBuffer(struct{ io.Writer }{v}, struct{ io.Reader }{c}, make([]byte, 64<<10))
	}()
	conn, err := net.Dial("tcp", relay.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	measure(b, func(n int64) {
		orders <- n
		drain(b, conn, n)
	})
	conn.Close()
	close(orders)
}

// BenchmarkBox is what sealing and opening alone cost.
func BenchmarkBox(b *testing.B) {
	c := peerBox(b)
	plain, message, out := make([]byte, maxData), make([]byte, 0, maxPacket), make([]byte, 0, maxPacket)
	one, two := boson.NewContext(c), boson.NewContext(c)
	measure(b, func(n int64) {
		for ; n > 0; n -= int64(len(plain)) {
			if _, err := two.Open(out, one.Seal(message, plain)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRoundTrip is 1 KiB there and back on an open connection.
func BenchmarkRoundTrip(b *testing.B) {
	r, _ := pair(b, echo)
	c := r.dial(b)
	c.SetDeadline(time.Time{})
	out, in := make([]byte, 1024), make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(out); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTunnel is a whole visit of a few bytes: CONNECT to the last
// DISCONNECT_ACK.
func BenchmarkTunnel(b *testing.B) {
	r, _ := pair(b, echo)
	b.ReportAllocs()
	for b.Loop() {
		c, err := r.DialDevice(b.Context(), deviceA().ID())
		if err != nil {
			b.Fatal(err)
		}
		roundTrip(b, c, "hello")
		c.Close()
	}
}
