// Package redact keeps secrets out of everything that people or machines read. It works by value: it replaces each
// occurrence of a secret by [Mark], and the rest of the text stays readable. It also finds secrets in the forms that
// programs write to logs: quoted for a shell, escaped for JSON, Go, HCL or a URL, in base64 and in hexadecimal.
//
// It can't find a secret that a program has changed in another way (compressed, hashed, base64 split into lines). Base64
// characters with bits of a secret and of its neighbours stay: at most four bits at each end.
package redact

import (
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Mark replaces a secret.
const Mark = "(sensitive)"

const (
	// wordLength is the length in bytes below which a secret is hidden only as a whole word: "on" must not make
	// "connection" unreadable.
	wordLength = 4
	// lineLength is the length in bytes below which a line of a secret with several lines is hidden only as a whole word. Diffs
	// and error messages show such a text line by line.
	lineLength = 8
)

// A Redactor hides secrets. The zero value and nil hide nothing. Its methods may be called concurrently.
type Redactor struct {
	mu    sync.RWMutex
	known map[pattern]bool
	// Patterns by their first bytes, the longest first: a file with secrets has a thousand lines, each in many forms.
	long  map[[headLength]byte][]pattern
	short map[byte][]pattern
	heads map[string]bool // what is shorter than headLength and begins a long pattern
}

const headLength = 4

// A pattern is one form of one secret.
type pattern struct {
	text string
	word bool // only as a whole word
}

// New returns a Redactor for secrets.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	r.Add(secrets...)
	return r
}

// Add hides more secrets from now on, such as a password that was just typed. Secrets of fewer than two bytes are
// ignored: hiding each "a" would make the output useless and still reveal the secret.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known, r.heads = map[pattern]bool{}, map[string]bool{}
		r.long, r.short = map[[headLength]byte][]pattern{}, map[byte][]pattern{}
	}
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			r.add(pattern{text: form, word: len(form) < wordLength})
		}
		if !strings.Contains(secret, "\n") {
			continue
		}
		for line := range strings.Lines(secret) {
			line = strings.TrimSpace(line)
			short := len(line) < lineLength
			if strings.HasPrefix(line, "-----") || short && !strings.ContainsFunc(line, letterOrDigit) { // PEM's frame and brackets are no secret
				continue
			}
			for _, form := range forms(line) {
				r.add(pattern{text: form, word: short})
			}
		}
	}
}

func (r *Redactor) add(p pattern) {
	if len(p.text) < 2 || r.known[p] {
		return
	}
	r.known[p] = true
	insert := func(list []pattern) []pattern {
		i, _ := slices.BinarySearchFunc(list, p, func(a, b pattern) int { return len(b.text) - len(a.text) })
		return slices.Insert(list, i, p)
	}
	if len(p.text) < headLength {
		r.short[p.text[0]] = insert(r.short[p.text[0]])
		return
	}
	head := [headLength]byte([]byte(p.text))
	r.long[head] = insert(r.long[head])
	for n := 1; n < headLength; n++ {
		r.heads[p.text[:n]] = true
	}
}

// String returns s without secrets.
func (r *Redactor) String(s string) string {
	if r == nil || r.empty() {
		return s
	}
	var out strings.Builder
	var state scan
	r.scan(&out, &state, []byte(s), true)
	return out.String()
}

func (r *Redactor) empty() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.known) == 0
}

// scan is where a Redactor is in a text.
type scan struct {
	covered int  // how many of the next bytes belong to a secret whose mark was written
	before  byte // the byte before the next one; 0 at the start
}

// scan writes text without secrets to out. It returns the end of text that may be the beginning of a secret: that must be
// scanned again with more text after it. If final is set, there is no more text, and scan returns nothing.
//
// Every occurrence of every pattern is covered, those that overlap by one mark: replacing one after the other would
// leave the tail of a secret that begins inside another one.
func (r *Redactor) scan(out *strings.Builder, state *scan, text []byte, final bool) (rest []byte) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, c := range text {
		length, undecided := r.longest(text[i:], state.before, final)
		if undecided {
			return text[i:]
		}
		if length > 0 && state.covered == 0 {
			out.WriteString(Mark)
		}
		state.covered = max(state.covered, length)
		if state.covered > 0 {
			state.covered--
		} else {
			out.WriteByte(c)
		}
		if state.before == '\\' && (c == 'n' || c == 'r' || c == 't') { // a line's end in a string literal
			c = '\n'
		}
		state.before = c
	}
	return nil
}

// longest returns the length of the longest secret at the start of text. It is undecided if text may be the beginning of a
// longer one.
func (r *Redactor) longest(text []byte, before byte, final bool) (length int, undecided bool) {
	if len(text) >= headLength {
		if length, undecided = longestOf(r.long[[headLength]byte(text)], text, before, final); length > 0 || undecided {
			return length, undecided
		}
	} else if !final && r.heads[string(text)] {
		return 0, true
	}
	return longestOf(r.short[text[0]], text, before, final)
}

// longestOf is [Redactor.longest] for a list of patterns, the longest first.
func longestOf(patterns []pattern, text []byte, before byte, final bool) (length int, undecided bool) {
	for _, p := range patterns {
		if p.word && wordByte(before) {
			continue
		}
		if len(text) < len(p.text) || p.word && len(text) == len(p.text) {
			if !final && strings.HasPrefix(p.text, string(text)) {
				return 0, true
			}
		}
		if len(text) < len(p.text) || string(text[:len(p.text)]) != p.text {
			continue
		}
		if p.word && len(text) > len(p.text) && wordByte(text[len(p.text)]) {
			continue
		}
		return len(p.text), false
	}
	return 0, false
}

func letterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// wordByte reports whether c belongs to a word: a letter or digit of any script, or an underscore.
func wordByte(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
