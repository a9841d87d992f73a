package scheme

import "strings"

const defaults = "[Default Applications]"

// withDefault is a mimeapps.list in which app opens kind, unless another one
// does already.
func withDefault(text, kind, app string) string {
	if _, taken := defaultOf(text, kind); taken {
		return text
	}
	line := kind + "=" + app + ";\n"
	if at := section(text); at >= 0 {
		return text[:at] + line + text[at:]
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + defaults + "\n" + line
}

// withoutDefault takes back what withDefault wrote.
func withoutDefault(text, kind, app string) string {
	var b strings.Builder
	in := false
	for line := range strings.Lines(text) {
		t := strings.TrimSpace(line)
		if strings.HasPrefix(t, "[") {
			in = t == defaults
		}
		if in && t == kind+"="+app+";" {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// defaultOf is what opens kind.
func defaultOf(text, kind string) (apps string, ok bool) {
	in := false
	for line := range strings.Lines(text) {
		t := strings.TrimSpace(line)
		if strings.HasPrefix(t, "[") {
			in = t == defaults
		}
		if k, v, is := strings.Cut(t, "="); in && is && strings.TrimSpace(k) == kind {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// section is where the first section of defaults begins, behind its head; -1.
func section(text string) int {
	at := 0
	for line := range strings.Lines(text) {
		at += len(line)
		if strings.TrimSpace(line) == defaults && strings.HasSuffix(line, "\n") {
			return at
		}
	}
	return -1
}
