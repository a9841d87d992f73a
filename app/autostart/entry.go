package autostart

import (
	"encoding/xml"
	"strings"
)

// Entry is what is started. ID names it in the system: lower case, no spaces.
type Entry struct {
	ID, Name string
	Exec     string // absolute path
	Args     []string
}

// Autostart is the entry of one program.
type Autostart struct{ entry Entry }

// New reads and writes nothing.
func New(e Entry) *Autostart { return &Autostart{e} }

// desktopFile is the entry as the Desktop Entry Specification wants it.
func (e Entry) desktopFile() string {
	return "[Desktop Entry]\nType=Application\nName=" + desktopValue(e.Name) + "\nExec=" + e.DesktopExec() +
		"\nTerminal=false\nX-GNOME-Autostart-enabled=true\n"
}

// DesktopExec is program and arguments as the value of Exec in a desktop entry.
func (e Entry) DesktopExec() string {
	words := []string{desktopQuote(e.Exec)}
	for _, a := range e.Args {
		words = append(words, desktopQuote(a))
	}
	return desktopValue(strings.Join(words, " "))
}

// desktopQuote is one argument of Exec.
func desktopQuote(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`, `%`, `%%`)
	return `"` + r.Replace(s) + `"`
}

// desktopValue is a string value: read before the quotes of Exec are.
func desktopValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
}

// launchAgent is the entry as launchd wants it.
func (e Entry) launchAgent() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Label</key>`)
	text := func(s string) {
		b.WriteString("<string>")
		_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
		b.WriteString("</string>\n")
	}
	text(e.ID)
	b.WriteString("<key>ProgramArguments</key><array>\n")
	for _, a := range append([]string{e.Exec}, e.Args...) {
		text(a)
	}
	b.WriteString("</array>\n<key>RunAtLoad</key><true/>\n<key>ProcessType</key><string>Interactive</string>\n</dict></plist>\n")
	return b.String()
}

// CommandLine is the entry as Windows splits it: backslashes count only before a quote.
func (e Entry) CommandLine() string {
	words := []string{windowsQuote(e.Exec)}
	for _, a := range e.Args {
		words = append(words, windowsQuote(a))
	}
	return strings.Join(words, " ")
}

func windowsQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, r := range s {
		switch r {
		case '\\':
			slashes++
			continue
		case '"':
			b.WriteString(strings.Repeat(`\`, 2*slashes+1))
		default:
			b.WriteString(strings.Repeat(`\`, slashes))
		}
		slashes = 0
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat(`\`, 2*slashes))
	b.WriteByte('"')
	return b.String()
}
