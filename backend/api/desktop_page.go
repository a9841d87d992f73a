package api

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/skip2/go-qrcode"
)

// localPages are shown in the window without the page's own code: they also
// work while nobody is signed in.
var localPages = template.Must(template.New("").Parse(`
{{define "head"}}<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>PC2</title><style>
:root{color-scheme:light dark}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:light-dark(#f6f8f8,#101314);color:light-dark(#151b1c,#e7ecec);font:15px/22px -apple-system,BlinkMacSystemFont,"Segoe UI",system-ui,Roboto,"Noto Sans",sans-serif}
main{max-width:24rem;padding:2rem;text-align:center}
h1{font-size:1.25rem;line-height:1.75rem;margin:0 0 .5rem;font-weight:600}
p{margin:.5rem 0;color:light-dark(#4a5456,#b0babb)}
.qr{width:15rem;height:15rem;margin:1rem auto;padding:1rem;background:#fff;border-radius:12px}
.qr svg{display:block;width:100%;height:100%}
.address{font-weight:500;color:light-dark(#0a6b62,#5bd0c1);overflow-wrap:anywhere;user-select:all}
a.btn{display:inline-block;margin-top:1.25rem;padding:.4375rem 1rem;border-radius:8px;background:light-dark(#0c7a70,#3dbbac);color:light-dark(#fff,#04201d);text-decoration:none;font-weight:500}
a.btn:focus-visible{outline:2px solid light-dark(#0c7a70,#5bd0c1);outline-offset:2px}
dl{display:grid;grid-template-columns:auto auto;gap:.25rem 1rem;justify-content:center;margin:1rem 0;text-align:start}dt{color:light-dark(#576264,#9aa5a7)}dd{margin:0}
</style>{{end}}
{{define "enter"}}{{template "head"}}{{if .To}}<meta http-equiv="refresh" content="0;url={{.To}}"></head><body></body></html>{{else}}</head><body><main><h1>Not this way</h1><p>{{.Problem}}</p></main></body></html>{{end}}{{end}}
{{define "address"}}{{template "head"}}</head><body><main>{{if .URL}}<h1>Your address</h1><p>Scan this with a phone, or type it into any browser.</p><div class="qr">{{.QR}}</div><p class="address">{{.URL}}</p>{{else}}<h1>No address yet</h1>{{end}}<p>{{.Sentence}}</p><a class="btn" href="{{.Start}}">Open PC2</a></main></body></html>{{end}}
{{define "about"}}{{template "head"}}</head><body><main><h1>About PC2</h1><p>Your personal cloud, on your own PC.</p><dl><dt>Version</dt><dd>{{.Version}}</dd><dt>System</dt><dd>{{.OS}}</dd><dt>Built with</dt><dd>{{.Go}}</dd></dl><p>This version does not update itself yet. A newer one is installed over it; your data stay.</p><a class="btn" href="{{.Start}}">Open PC2</a></main></body></html>{{end}}
`))

// qrSVG draws text as a QR code, one rectangle a run of dark modules.
func qrSVG(text string) (string, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return "", fmt.Errorf("draw the code: %w", err)
	}
	q.DisableBorder = true
	bits := q.Bitmap()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img" aria-label="QR code of the address"><path d="`, len(bits), len(bits))
	for y, row := range bits {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String(), nil
}
