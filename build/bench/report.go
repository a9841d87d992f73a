//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// series are the values of several runs.
type series []float64

func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	t := slices.Sorted(slices.Values(s))
	if n := len(t); n%2 == 0 {
		return (t[n/2-1] + t[n/2]) / 2
	}
	return t[len(t)/2]
}

// quantile is the smallest value that a share q of all does not exceed.
func (s series) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	t := slices.Sorted(slices.Values(s))
	return t[min(len(t)-1, int(q*float64(len(t))))]
}

// figure is one line of the table.
type figure struct {
	Name  string `json:"name"`
	Unit  string `json:"unit"`
	PC2   series `json:"pc2"`
	Nginx series `json:"nginx,omitempty"` // run for run beside PC2
	SSH   series `json:"ssh,omitempty"`   // ssh -R
	TCP   series `json:"tcp,omitempty"`   // a relay that only copies
	// Aim is the ratio to nginx that the store's specification measured, MostRatio a
	// limit for that ratio. Most and Least are limits for the figure itself.
	Aim       float64 `json:"aim,omitempty"`
	MostRatio float64 `json:"most_ratio,omitempty"`
	Most      float64 `json:"most,omitempty"`
	Least     float64 `json:"least,omitempty"`
	Away      bool    `json:"away,omitempty"` // about a road, not a server

	Median      float64 `json:"pc2_median"`
	NginxMedian float64 `json:"nginx_median,omitempty"`
	Ratio       float64 `json:"ratio,omitempty"` // median of the runs' ratios
}

// done computes what follows from the runs.
func (f *figure) done() {
	f.Median, f.NginxMedian = f.PC2.median(), f.Nginx.median()
	var r series
	for i := range min(len(f.PC2), len(f.Nginx)) {
		if f.Nginx[i] > 0 {
			r = append(r, f.PC2[i]/f.Nginx[i])
		}
	}
	f.Ratio = r.median()
}

// report is all of a run.
type report struct {
	When    string    `json:"when"`
	Version string    `json:"version"`
	Machine machine   `json:"machine"`
	Figures []*figure `json:"figures"`
	Notes   []string  `json:"notes"`
}

type machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	MiB    float64 `json:"mib"`
	Kernel string  `json:"kernel"`
	Nginx  string  `json:"nginx"`
	// Others is the share of the cores that other programs took while something
	// was measured; Load is the load average at the start and the end.
	Others float64   `json:"others"`
	Load   [2]string `json:"load"`
	Primed bool      `json:"page_cache_primed"`
}

// add appends values to the figure of that name, making it if need be.
func (r *report) add(name, unit string, pc2, nginx series) *figure {
	for _, f := range r.Figures {
		if f.Name == name && f.Unit == unit {
			f.PC2, f.Nginx = append(f.PC2, pc2...), append(f.Nginx, nginx...)
			return f
		}
	}
	f := &figure{Name: name, Unit: unit, PC2: pc2, Nginx: nginx}
	r.Figures = append(r.Figures, f)
	return f
}

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// beside appends what the other roads took.
func (f *figure) beside(ssh, tcp series) *figure {
	f.SSH, f.TCP = append(f.SSH, ssh...), append(f.TCP, tcp...)
	return f
}

// number prints with three digits that count.
func number(v float64) string {
	switch {
	case v < 0:
		return "-" + number(-v)
	case v >= 100 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func (s series) String() string {
	switch len(s) {
	case 0:
		return ""
	case 1:
		return number(s[0])
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.median()), number(slices.Min(s)), number(slices.Max(s)))
}

// wanted says what the specification wants of the figure.
func (f *figure) wanted() string {
	switch {
	case f.Aim > 0:
		return "ratio " + number(f.Aim)
	case f.MostRatio > 0:
		return "ratio ≤ " + number(f.MostRatio)
	case f.Most > 0:
		return "≤ " + number(f.Most)
	case f.Least > 0:
		return "≥ " + number(f.Least)
	}
	return ""
}

// table has a row for each figure; the columns of the other roads are there if
// one of the figures needs them.
func table(figures []*figure) [][]string {
	head := []string{"", "", "PC2", "nginx", "PC2/nginx", "aim"}
	roads := slices.ContainsFunc(figures, func(f *figure) bool { return len(f.SSH)+len(f.TCP) > 0 })
	if roads {
		head = append(head, "ssh -R", "plain TCP")
	}
	rows := [][]string{head}
	for _, f := range figures {
		f.done()
		row := []string{f.Name, f.Unit, f.PC2.String(), f.Nginx.String(), "", f.wanted()}
		if f.Ratio > 0 {
			row[4] = number(f.Ratio)
		}
		if roads {
			row = append(row, f.SSH.String(), f.TCP.String())
		}
		rows = append(rows, row)
	}
	return rows
}

// print writes the table: medians, and in brackets the least and the most.
func (r *report) print(w io.Writer) error {
	var b strings.Builder
	away := slices.IndexFunc(r.Figures, func(f *figure) bool { return f.Away })
	if away < 0 {
		away = len(r.Figures)
	}
	for i, figures := range [][]*figure{r.Figures[:away], r.Figures[away:]} {
		if len(figures) == 0 {
			continue
		}
		if i == 1 {
			b.WriteString("\n  Away: a road to a home, both of its ends counted\n\n")
		}
		layOut(&b, table(figures))
	}
	m := r.Machine
	fmt.Fprintf(&b, "\n  %s, %d cores, %.0f MiB, Linux %s, nginx %s; page cache primed: %t.\n", m.CPU, m.Cores, m.MiB, m.Kernel, m.Nginx, m.Primed)
	fmt.Fprintf(&b, "  Load average %s at the start, %s at the end; others took %.0f %% of the cores while we measured.\n", m.Load[0], m.Load[1], 100*m.Others)
	for _, n := range r.Notes {
		b.WriteString("  " + n + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// layOut writes rows, the figures flush right.
func layOut(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i > 1 {
				b.WriteString("  " + pad + cell)
			} else {
				b.WriteString("  " + cell + pad)
			}
		}
		b.WriteByte('\n')
	}
}

// save writes the report as JSON.
func (r *report) save(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
