//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// liar is a router whose every answer is bad: searches lead to the guest and to
// descriptions that do not end, do not come, or are moved to the guest; PCP and
// NAT-PMP get garbage.
func liar(ctx context.Context, _ []string) error {
	lan, err := net.InterfaceByName("lan0")
	if err != nil {
		return err
	}
	ssdp, err := net.ListenMulticastUDP("udp4", lan, &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 1900})
	if err != nil {
		return err
	}
	defer ssdp.Close()
	pcp, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 5351})
	if err != nil {
		return err
	}
	defer pcp.Close()
	web, err := net.Listen("tcp4", lanAddr+":8080")
	if err != nil {
		return err
	}
	defer web.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		tell(report{Event: "endless"})
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, strings.Repeat("<root>", 1000))
		}
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, q *http.Request) {
		tell(report{Event: "redirect"})
		http.Redirect(w, q, "http://"+guestAddr+"/", http.StatusFound)
	})
	mux.HandleFunc("/description", func(w http.ResponseWriter, _ *http.Request) {
		tell(report{Event: "description"})
		fmt.Fprintf(w, `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><URLBase>http://%[1]s/</URLBase><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>http://%[1]s/ctl</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/hang</controlURL></service>
</serviceList></device></root>`, guestAddr)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() })
	go http.Serve(web, mux)
	go answer(pcp, func(b []byte) []string {
		tell(report{Event: "datagram"})
		return []string{"", "\x02", "\x02\x81garbage", string(b), strings.Repeat("\xff", 1400)}
	})
	go answer(ssdp, func([]byte) []string {
		tell(report{Event: "search"})
		const reply = "HTTP/1.1 200 OK\r\nST: x\r\nUSN: x\r\nLOCATION: %s\r\n\r\n"
		return []string{
			"\x00garbage", fmt.Sprintf(reply, "http://"+guestAddr+"/desc"), fmt.Sprintf(reply, "http://router.test/desc"),
			fmt.Sprintf(reply, "http://"+lanAddr+":8080/endless"), fmt.Sprintf(reply, "http://"+lanAddr+":8080/redirect"),
			fmt.Sprintf(reply, "http://"+lanAddr+":8080/description"),
		}
	})
	tell(report{Event: "lying"})
	<-ctx.Done()
	return nil
}

func answer(conn *net.UDPConn, say func([]byte) []string) {
	buf := make([]byte, 2000)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		for _, s := range say(buf[:n]) {
			conn.WriteTo([]byte(s), from)
		}
	}
}
