package wallet

import (
	"database/sql"
	"encoding/json"
	"os"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"pc2/backend/fault"
)

// The first eight are EIP-55's own; the others are in testdata/checksum.txt.
var eip55 = []string{
	"0x52908400098527886E0F7030069857D2E4169EE7",
	"0x8617E340B3D01FA5F11F306F4090FD50E238070D",
	"0xde709f2102306220921060314715629080e2fb77",
	"0x27b1fdb04752bbc536007a920d24acb045561c26",
	"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
	"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
	"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
}

func TestChecksum(t *testing.T) {
	more, err := os.ReadFile("testdata/checksum.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, want := range append(eip55, strings.Split(string(more), "\n")...) {
		if want == "" || want[0] == '#' {
			continue
		}
		n++
		for _, in := range []string{want, strings.ToLower(want), "0x" + strings.ToUpper(want[2:]), "0X" + want[2:], swapCase(want)} {
			a, err := Parse(in)
			if err != nil {
				t.Fatalf("Parse(%q): %v", in, err)
			}
			if a.Checksum() != want {
				t.Errorf("Parse(%q).Checksum() = %s, want %s", in, a.Checksum(), want)
			}
			if a.String() != strings.ToLower(want) {
				t.Errorf("Parse(%q).String() = %s", in, a)
			}
		}
	}
	if n != 48 {
		t.Fatalf("%d vectors, want 48", n)
	}
}

// swapCase breaks the checksum of every address that has a letter.
func swapCase(s string) string {
	return "0x" + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'f':
			return r - 32
		case 'A' <= r && r <= 'F':
			return r + 32
		}
		return r
	}, s[2:])
}

func TestParseRefuses(t *testing.T) {
	good := strings.ToLower(eip55[4])
	for _, in := range []string{
		"", "0x", good[2:], good + "0", good[:41], " " + good, good + " ", good[:41] + "\n", "1x" + good[2:], "0y" + good[2:],
		"0x" + strings.Repeat("g", 40), "0x" + strings.Repeat("é", 20), good[:2] + "0x" + good[4:], strings.Repeat("0", 42), "0x" + strings.Repeat("\x00", 40),
	} {
		a, err := Parse(in)
		f := fault.As(err)
		if f == nil || f.Kind != fault.Invalid || f.Code != "field_invalid" || f.Fields["key"] != "address" {
			t.Errorf("Parse(%q): %v", in, err)
		}
		if !a.IsZero() {
			t.Errorf("Parse(%q) returned %s beside an error", in, a)
		}
	}
}

func TestZero(t *testing.T) {
	z, err := Parse("0x" + strings.Repeat("0", 40))
	if err != nil || !z.IsZero() || z != (Address{}) {
		t.Errorf("zero: %v %v", z, err)
	}
	a, _ := Parse(eip55[0])
	if a.IsZero() {
		t.Error("IsZero of an address")
	}
}

func TestJSON(t *testing.T) {
	a, _ := Parse(eip55[4])
	type box struct {
		A Address
		M map[Address]int
		P *Address
	}
	b, err := json.Marshal(box{A: a, M: map[Address]int{a: 1}})
	if want := `{"A":"` + a.String() + `","M":{"` + a.String() + `":1},"P":null}`; err != nil || string(b) != want {
		t.Fatalf("%s %v, want %s", b, err, want)
	}
	var back box
	if err := json.Unmarshal([]byte(`{"A":"`+eip55[4]+`","M":{"`+eip55[4]+`":1}}`), &back); err != nil || back.A != a || back.M[a] != 1 {
		t.Fatalf("%+v %v", back, err)
	}
	for _, bad := range []string{`{"A":"x"}`, `{"A":5}`, `{"A":""}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}

func TestSQL(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, _ := Parse(eip55[4])
	var nobody *Address
	var text string
	var back Address
	var null, some sql.Null[Address]
	if err := db.QueryRow("SELECT ?, ?, CAST(? AS BLOB), ?, ?", a, a, a, nobody, &a).Scan(&text, &back, &back, &null, &some); err != nil {
		t.Fatal(err)
	}
	if text != a.String() || back != a || null.Valid || some.V != a {
		t.Errorf("%s %s %v %v", text, back, null, some)
	}
	for _, q := range []string{"SELECT NULL", "SELECT 5", "SELECT 'x'"} {
		if err := db.QueryRow(q).Scan(&back); err == nil {
			t.Errorf("%s was scanned", q)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range eip55 {
		f.Add(s)
	}
	f.Add("0x")
	f.Add("0X" + strings.Repeat("f", 40))
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			if !a.IsZero() {
				t.Errorf("an address beside an error: %q", s)
			}
			return
		}
		if a.String() != strings.ToLower(s) {
			t.Errorf("%q became %s", s, a)
		}
		if again, err := Parse(a.Checksum()); err != nil || again != a {
			t.Errorf("checksum form of %q: %v", s, err)
		}
	})
}
