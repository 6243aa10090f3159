package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// forms returns secret in all forms that programs write it in. A new form belongs here and in the table of TestForms.
func forms(secret string) []string {
	if secret == "" {
		return nil
	}
	all := []string{secret}
	all = append(all, shellForms(secret)...)
	all = append(all, escapedForms(secret)...)
	all = append(all, urlForms(secret)...)
	if len(secret) >= wordLength { // shorter codes occur in any text by chance
		all = append(all, base64Forms(secret)...)
		code := hex.EncodeToString([]byte(secret))
		all = append(all, code, strings.ToUpper(code))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var (
	shellSpecial  = regexp.MustCompile(`[^A-Za-z0-9_@%+=:,./\n-]`)
	doubleSpecial = regexp.MustCompile("[\"$`\\\\]")
)

// shellForms returns the content of words as shells and their quoting functions write them: in single quotes
// ('\” and '"'"' for a quote), within double quotes, with backslashes (printf %q of bash), and $'...'.
func shellForms(s string) []string {
	return []string{
		strings.ReplaceAll(s, "'", `'\''`),
		strings.ReplaceAll(s, "'", `'"'"'`),
		doubleSpecial.ReplaceAllString(s, `\$0`),
		shellSpecial.ReplaceAllString(s, `\$0`),
		strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`).Replace(s),
	}
}

// escapedForms returns the content of string literals of JSON (with and without HTML's characters and non-ASCII ones
// escaped), Go and HCL.
func escapedForms(s string) []string {
	html, _ := json.Marshal(s) // a string can't fail
	literals := []string{
		string(html), plainJSON(s), strconv.Quote(s), strconv.QuoteToASCII(s), jsonASCII(s),
	}
	var all []string
	for _, literal := range literals {
		inside := literal[1 : len(literal)-1]
		all = append(all, inside, strings.NewReplacer("${", "$${", "%{", "%%{").Replace(inside), strings.ReplaceAll(inside, "/", `\/`))
	}
	return all
}

// plainJSON returns a JSON string with HTML's characters as they are.
func plainJSON(s string) string {
	var plain strings.Builder
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string can't fail
	return strings.TrimSuffix(plain.String(), "\n")
}

// jsonASCII returns a JSON string in ASCII, as Python's json.dumps writes it.
func jsonASCII(s string) string {
	var out strings.Builder
	for _, r := range plainJSON(s) {
		switch {
		case r <= unicode.MaxASCII:
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			out.WriteString(escape16(0xd800+r>>10) + escape16(0xdc00+r&0x3ff))
		default:
			out.WriteString(escape16(r))
		}
	}
	return out.String()
}

func escape16(unit rune) string {
	return `\u` + hex.EncodeToString([]byte{byte(unit >> 8), byte(unit)})
}

// Characters beside letters and digits that URL encoders don't change; see RFC 3986, section 2.
var unescaped = []string{
	"-_.~",                 // url.QueryEscape, and what RFC 3986 calls unreserved
	"-_.~/",                // urllib.parse.quote of Python
	"-_.!~*'()",            // encodeURIComponent of JavaScript
	"-_.~$&+,/:;=@",        // url.URL.EscapedPath
	"-_.~$&+=:@",           // url.PathEscape
	"-_.~$&+,;=",           // url.UserPassword
	"-_.!~*'();/?:@&=+$#,", // encodeURI
}

func urlForms(s string) []string {
	all := []string{url.QueryEscape(s), strings.ReplaceAll(url.QueryEscape(s), "~", "%7E")}
	for _, keep := range unescaped {
		all = append(all, percent(s, keep, "0123456789ABCDEF"), percent(s, keep, "0123456789abcdef"))
	}
	return all
}

func percent(s, keep, digits string) string {
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case wordByte(c) && c < 0x80 && c != '_', strings.IndexByte(keep, c) >= 0:
			out.WriteByte(c)
		default:
			out.WriteByte('%')
			out.WriteByte(digits[c>>4])
			out.WriteByte(digits[c&15])
		}
	}
	return out.String()
}

// base64Forms returns the characters that encode s only, for each of its three possible positions in the groups of three
// bytes of a longer text.
func base64Forms(s string) []string {
	var all []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			code := encoding.EncodeToString([]byte(strings.Repeat("\x00", before) + s))
			start := []int{0, 2, 3}[before] // characters with bits of the text before
			if (before+len(s))%3 != 0 {
				code = code[:len(code)-1] // a character with bits of the text after
			}
			all = append(all, code[start:])
		}
	}
	return all
}
