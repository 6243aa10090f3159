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
)

// Mark replaces a secret.
const Mark = "(sensitive)"

const (
	// wordLength is the length in bytes below which a secret is hidden only as a whole word: "on" must not make
	// "connection" unreadable.
	wordLength = 4
	// lineLength is the length in bytes from which a line of a secret with several lines is a secret by itself: diffs and
	// error messages show such a text line by line.
	lineLength = 8
)

// A Redactor hides secrets. The zero value and nil hide nothing. Its methods may be called concurrently.
type Redactor struct {
	mu       sync.RWMutex
	patterns map[byte][]pattern // by first byte, the longest first
}

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
	if r.patterns == nil {
		r.patterns = map[byte][]pattern{}
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
			if len(line) >= lineLength && !strings.HasPrefix(line, "-----") { // PEM's frame is no secret
				for _, form := range forms(line) {
					r.add(pattern{text: form})
				}
			}
		}
	}
}

func (r *Redactor) add(p pattern) {
	if len(p.text) < 2 {
		return
	}
	known := r.patterns[p.text[0]]
	if slices.Contains(known, p) {
		return
	}
	known = append(known, p)
	slices.SortStableFunc(known, func(a, b pattern) int { return len(b.text) - len(a.text) })
	r.patterns[p.text[0]] = known
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
	return len(r.patterns) == 0
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
		state.before = c
	}
	return nil
}

// longest returns the length of the longest secret at the start of text. It is undecided if text may be the beginning of a
// longer one.
func (r *Redactor) longest(text []byte, before byte, final bool) (length int, undecided bool) {
	for _, p := range r.patterns[text[0]] {
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

// wordByte reports whether c belongs to a word: a letter or digit of any script, or an underscore.
func wordByte(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
