package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A large JSON upload is for those whose credential stands outside of it and holds;
// that one is looked at before the body.
func TestLargeJSONUpload(t *testing.T) {
	t.Parallel()
	h := start(t)
	o := h.owner()
	small := map[string]any{"path": "~/Documents/x.txt", "content": "x"}
	large := map[string]any{"path": "~/Documents/x.txt", "content": strings.Repeat("x", 2<<20)}
	inside := func(m map[string]any) map[string]any {
		m2 := map[string]any{"auth_token": o.token}
		for k, v := range m {
			m2[k] = v
		}
		return m2
	}
	unknown := with("Authorization", "Bearer "+strings.Repeat("0", 64))
	o.post("/write", large).want(200)
	v := h.visitor()
	// Who is refused has not begun to send: else the end of the connection could come before the answer.
	v.client.Transport = &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}
	asks := with("Expect", "100-continue")
	v.post("/write", large, asks).want(413, "too_large")
	v.post("/write", inside(large), asks).want(413, "too_large")
	v.post("/write", inside(small)).want(200)
	v.post("/write", large, unknown, asks).want(401, "token_auth_failed")
	v.post("/write", small, unknown).want(401, "token_auth_failed")
	v.post("/write", inside(small), unknown).want(200) // as before, what is inside comes first
}

// Strangers who send nothing of large bodies take no places from who is signed in.
func TestStrangersTakeNoPlaces(t *testing.T) {
	h := start(t)
	o := h.owner()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range 10 {
		r, w := io.Pipe()
		defer w.Close()
		req, err := http.NewRequestWithContext(ctx, "POST", h.url+"/write", r)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 20 << 20
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+strings.Repeat("0", 64))
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != 401 {
			t.Fatalf("%d, and before the body is there", res.StatusCode)
		}
	}
	o.post("/write", map[string]any{"path": "~/Documents/x.txt", "content": strings.Repeat("x", 2<<20)}).want(200)
}
