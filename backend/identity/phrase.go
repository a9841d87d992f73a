package identity

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/tyler-smith/go-bip39"
	"golang.org/x/text/unicode/norm"

	"pc2/backend/boson"
	"pc2/backend/fault"
)

// ErrPhrase: what was given is no recovery phrase.
var ErrPhrase = fault.New(fault.Invalid, "phrase_invalid", "This is not a recovery phrase.")

// ErrOtherPhrase: a recovery phrase, but not the one of this data directory.
var ErrOtherPhrase = fault.New(fault.Conflict, "phrase_mismatch",
	"This recovery phrase belongs to another PC2, not to the data in this directory. Nothing was changed.")

const (
	phraseWords = 24
	// maxPhrase is far above 24 words of at most 8 letters, and bounds what is normalised.
	maxPhrase = 4 << 10
)

// Phrase is a recovery phrase. It comes from ParsePhrase, ReadPhrase or
// Identity.Phrase; the zero Phrase is none. It prints as "redacted".
type Phrase struct {
	// A closure, because fmt prints the unexported fields of other structs without
	// asking their methods, and follows pointers too.
	entropy func() [32]byte
}

// ParsePhrase reads 24 words of BIP-39. Letter case, kind and number of white
// space, a byte order mark and compatibility forms (NFKD) do not matter. Its
// errors (ErrPhrase) say which word is wrong by position and never repeat it.
func ParsePhrase(s string) (Phrase, error) {
	if len(s) > maxPhrase {
		return Phrase{}, badPhrase("it is longer than %d bytes", maxPhrase)
	}
	s = strings.TrimPrefix(s, "\ufeff")
	words := strings.Fields(strings.ToLower(norm.NFKD.String(s)))
	if len(words) != phraseWords {
		return Phrase{}, badPhrase("it has %d words, not %d", len(words), phraseWords)
	}
	for i, w := range words {
		if _, ok := bip39.GetWordIndex(w); !ok {
			return Phrase{}, badPhrase("word %d is not in the list of BIP-39", i+1)
		}
	}
	entropy, err := bip39.EntropyFromMnemonic(strings.Join(words, " "))
	if err != nil || len(entropy) != 32 {
		return Phrase{}, badPhrase("the words do not fit together: one is wrong, or two are swapped")
	}
	return phraseOf([32]byte(entropy)), nil
}

// ReadPhrase is ParsePhrase of a file, which may be a pipe.
func ReadPhrase(path string) (Phrase, error) {
	f, err := os.Open(path)
	if err != nil {
		return Phrase{}, fmt.Errorf("read recovery phrase: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPhrase+1))
	if err != nil {
		return Phrase{}, fmt.Errorf("read recovery phrase: %w", err)
	}
	return ParsePhrase(string(b))
}

func badPhrase(why string, args ...any) error {
	return fault.New(ErrPhrase.Kind, ErrPhrase.Code, "This is not a recovery phrase: "+fmt.Sprintf(why, args...)+".")
}

func phraseOf(entropy [32]byte) Phrase { return Phrase{func() [32]byte { return entropy }} }

// IsZero says whether p is no phrase.
func (p Phrase) IsZero() bool { return p.entropy == nil }

// Reveal is the phrase itself: 24 words with a space between them. That of the
// zero Phrase is empty.
func (p Phrase) Reveal() string {
	if p.IsZero() {
		return ""
	}
	entropy := p.entropy()
	words, err := bip39.NewMnemonic(entropy[:])
	if err != nil {
		panic(err) // only for another length of entropy
	}
	return words
}

func (p Phrase) equal(q Phrase) bool {
	a, b := p.entropy(), q.entropy()
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// roots are the secrets that the node derives from a phrase.
type roots struct {
	master []byte // the BIP-39 seed
}

// roots takes about a millisecond: BIP-39 stretches the phrase.
func (p Phrase) roots() roots { return roots{bip39.NewSeed(p.Reveal(), "")} }

func (r roots) node() boson.Key {
	seed, _ := slip10(r.master, nodePath...)
	return boson.KeyFromSeed(seed)
}

func (r roots) slot(salt []byte) [32]byte { return derive(r.master, salt, "pc2 slot v1") }

// Format prints "redacted", whatever the verb.
func (Phrase) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

func (Phrase) String() string               { return redacted }
func (Phrase) GoString() string             { return redacted }
func (Phrase) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Phrase) MarshalText() ([]byte, error) { return []byte(redacted), nil }
