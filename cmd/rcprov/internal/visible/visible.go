// Package visible is the door for text from hosts on its way to people: after it, nothing can control a terminal, or look like
// something else. What a host sends may be anything: it may be broken into.
package visible

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes control characters visible, newlines and tabs excepted: those of ASCII as ^X, as cat -v does, and as \u009b the others
// (C1, which some terminals obey) and those that can't be seen but change what is (marks for the direction of text, which turn
// the rest of a line around; joiners; tags). Bytes that are not UTF-8 become \x9b.
func Text(s string) string {
	return replaced(s, func(piece string) string {
		switch r, size := utf8.DecodeRuneInString(piece); {
		case r == utf8.RuneError && size == 1:
			return fmt.Sprintf(`\x%02x`, piece[0])
		case r < 0x80:
			return "^" + string(r^0x40)
		case r > 0xffff:
			return fmt.Sprintf(`\U%08x`, r)
		default:
			return fmt.Sprintf(`\u%04x`, r)
		}
	})
}

// replaced returns s with others in place of the characters that are hidden and the bytes that are not UTF-8, each of which is a piece.
func replaced(s string, other func(piece string) string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 || hidden(r) {
			out.WriteString(other(s[:size]))
		} else {
			out.WriteString(s[:size])
		}
		s = s[size:]
	}
	return out.String()
}

// Line is Text for a value within a line: one with newlines or tabs is quoted.
func Line(s string) string {
	if strings.ContainsAny(s, "\n\t") {
		return fmt.Sprintf("%q", s)
	}
	return Text(s)
}

// SameLength is for the lines of a source, in which places are counted in bytes: what Text makes visible is as many bytes as before,
// which say only that something is there.
func SameLength(source []byte) []byte {
	lines := strings.Split(string(source), "\r\n")
	for i, line := range lines {
		lines[i] = replaced(line, func(piece string) string { return []string{"?", "¿", "\ufffd", "¿¿"}[len(piece)-1] })
	}
	return []byte(strings.Join(lines, "\r\n"))
}

// JSON returns encoded JSON with the same characters escaped: encoding/json leaves them as they are, but for ASCII.
func JSON(encoded []byte) []byte {
	if !bytes.ContainsFunc(encoded, hidden) {
		return encoded
	}
	var out bytes.Buffer
	for _, r := range string(encoded) {
		switch {
		case !hidden(r) || r == '\r': // space between values: in strings, it is escaped already
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}

// hidden reports whether r controls what is around it instead of being seen: categories Cc, Cf, Zl, Zp and Co of Unicode.
func hidden(r rune) bool {
	return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}
