package activeproxy

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"pc2/backend/boson"
)

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure reports MB/s and CPU s/GiB of everything: visitor, relay and device.
func measure(b *testing.B, transfer func(bytes int64)) {
	const each = 64 << 20
	transfer(each) // pools, windows
	start := cpu()
	b.SetBytes(each)
	b.ResetTimer()
	n := 0
	for b.Loop() {
		transfer(each)
		n++
	}
	b.ReportMetric((cpu()-start).Seconds()/(float64(n)*each/(1<<30)), "cpu-s/GiB")
}

// pour writes n bytes as a program that serves large files does.
func pour(w io.Writer, n int64) {
	buf := make([]byte, 256<<10)
	for n > 0 {
		m, err := w.Write(buf[:min(n, int64(len(buf)))])
		if err != nil {
			return
		}
		n -= int64(m)
	}
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

func BenchmarkDownload(b *testing.B) {
	orders := make(chan int64)
	r, _ := pair(b, func(c net.Conn) {
		for n := range orders {
			pour(c, n)
		}
	})
	run := func(name string, conn net.Conn) {
		b.Run(name, func(b *testing.B) {
			measure(b, func(n int64) {
				orders <- n
				drain(b, conn, n)
			})
		})
		conn.Close()
	}
	v := r.visitor(b)
	v.SetDeadline(time.Time{})
	run("visitor", v)
	close(orders)
}

func BenchmarkDownloadGateway(b *testing.B) {
	orders := make(chan int64)
	r, _ := pair(b, func(c net.Conn) {
		for n := range orders {
			pour(c, n)
		}
	})
	c := r.dial(b)
	c.SetDeadline(time.Time{})
	measure(b, func(n int64) {
		orders <- n
		drain(b, c, n)
	})
	c.Close()
	close(orders)
}

func BenchmarkUpload(b *testing.B) {
	orders, done := make(chan int64), make(chan bool)
	r, _ := pair(b, func(c net.Conn) {
		for n := range orders {
			drain(b, c, n)
			done <- true
		}
	})
	v := r.visitor(b)
	v.SetDeadline(time.Time{})
	measure(b, func(n int64) {
		go pour(v, n)
		orders <- n
		<-done
	})
	v.Close()
	close(orders)
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
