package window

import (
	"crypto/subtle"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"pc2/app/host"
)

// local answers wails://, in the process. No other page can read it: its Start
// needs a token that stands in it.
func (w *Window) local() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /state", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		s := w.cfg.State()
		// The webview is the only reader; one that has gone needs nothing.
		_ = json.NewEncoder(rw).Encode(map[string]any{"running": s.Running(), "kind": s.Kind, "sentence": s.Sentence})
	})
	m.HandleFunc("POST /start", func(rw http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-PC2-Window")), []byte(w.token)) != 1 {
			http.Error(rw, "no", http.StatusForbidden)
			return
		}
		w.cfg.Start()
		rw.WriteHeader(http.StatusNoContent)
	})
	m.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.Header().Set("Cache-Control", "no-store")
		if direct && r.URL.Path == "/" { // run loads what belongs here
			_, _ = rw.Write([]byte(emptyPage))
			return
		}
		url := w.take()
		s := w.cfg.State()
		headline, sentence := s.Sentence, ""
		if s.Kind == host.Trouble {
			headline, sentence = split(s.Sentence)
		}
		var b strings.Builder
		err := localPage.Execute(&b, map[string]any{
			"To": url, "Token": w.token, "Headline": headline, "Sentence": sentence, "Waiting": s.Kind == host.Starting, "Trouble": s.Kind == host.Trouble, "Detail": s.Detail(), "Seen": string(s.Kind) + s.Sentence,
		})
		if err != nil {
			w.log.Error("the local page", "err", err)
			http.Error(rw, "PC2 could not make this page.", http.StatusInternalServerError)
			return
		}
		w.log.Debug("window: the local page", "shows", s.Kind)
		_, _ = rw.Write([]byte(b.String())) // as above
	})
	return m
}

// split takes the first sentence off: the rest is too long for a headline.
func split(s string) (first, rest string) {
	first, rest, ok := strings.Cut(s, ". ")
	if !ok {
		return s, ""
	}
	return first + ".", rest
}

const emptyPage = `<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>PC2</title><style>body{background:light-dark(#f6f8f8,#101314)}</style>`

// A 302 from wails:// is not followed by WebKitGTK; a script is.
var localPage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>PC2</title>
{{if .To}}<script>location.replace({{.To}})</script>{{end}}
<style>
body{margin:0;min-height:100vh;display:grid;place-items:center;background:light-dark(#f6f8f8,#101314);color:light-dark(#151b1c,#e7ecec);font:15px/22px -apple-system,BlinkMacSystemFont,"Segoe UI",system-ui,Roboto,"Noto Sans",sans-serif}
:root{color-scheme:light dark}
main{max-width:26rem;padding:2rem;text-align:center}
svg{width:48px;height:48px;color:light-dark(#576264,#9aa5a7);margin-bottom:1rem}
.waiting svg{color:light-dark(#0c7a70,#3dbbac)} .trouble svg{color:light-dark(#b3261e,#ff8f85)}
h1{font-size:1.25rem;line-height:1.75rem;margin:0 0 .5rem;font-weight:600}
p{margin:.5rem 0;color:light-dark(#4a5456,#b0babb)}
pre{text-align:start;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/18px ui-monospace,Menlo,Consolas,monospace;color:light-dark(#4a5456,#b0babb);background:light-dark(#f1f4f4,#121617);border-radius:8px;padding:.75rem}
button{margin-top:1.25rem;padding:.4375rem 1.25rem;border:0;border-radius:8px;background:light-dark(#0c7a70,#3dbbac);color:light-dark(#fff,#04201d);font:inherit;font-weight:500}
button:focus-visible{outline:2px solid light-dark(#0c7a70,#5bd0c1);outline-offset:2px} button:disabled{opacity:.6}
</style></head><body>{{if not .To}}<main class="{{if .Waiting}}waiting{{else if .Trouble}}trouble{{end}}">
<svg viewBox="0 0 24 24" aria-hidden="true"><path fill="currentColor" fill-rule="evenodd" d="M7 1h10a6 6 0 0 1 6 6v10a6 6 0 0 1-6 6H7a6 6 0 0 1-6-6V7a6 6 0 0 1 6-6Zm4.35 4.72-5.6 4.63A2.1 2.1 0 0 0 5 11.97V17a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-5.03a2.1 2.1 0 0 0-.76-1.62l-5.6-4.63a1.02 1.02 0 0 0-1.29 0ZM12 10.4a3.1 3.1 0 1 1 0 6.2 3.1 3.1 0 0 1 0-6.2Z"/></svg>
<h1 id="what">{{.Headline}}</h1>{{with .Sentence}}<p>{{.}}</p>{{end}}
{{if .Waiting}}{{else if .Trouble}}<p>Your files are safe where they are.</p>{{with .Detail}}<pre>{{.}}</pre>{{end}}{{else}}<p>Your files are on this PC, and nobody reaches them until you start it again.</p>{{end}}
{{if not .Waiting}}<button id="start" autofocus>Start</button>{{end}}
</main>
<script>
const button = document.getElementById('start');
if (button) button.onclick = () => { button.disabled = true; fetch('/start', {method: 'POST', headers: {'X-PC2-Window': {{.Token}}}}); };
setInterval(async () => {
  const s = await (await fetch('/state')).json();
  if (s.running || s.kind + s.sentence !== {{.Seen}}) location.reload();
}, 300);
</script>{{end}}</body></html>`))
