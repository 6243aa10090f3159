package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		secrets []string
		in      string
		want    string
	}{
		{name: "nothing to hide", in: "all of this", want: "all of this"},
		{name: "empty", secrets: []string{""}, in: "all of this", want: "all of this"},
		{name: "within words", secrets: []string{"hunter2"}, in: "xhunter2y hunter2", want: "x(sensitive)y (sensitive)"},
		{name: "longest first", secrets: []string{"pass", "password"}, in: "password passed", want: "(sensitive) (sensitive)ed"},
		{name: "overlapping", secrets: []string{"abcdef", "defghi"}, in: "<abcdefghi>", want: "<(sensitive)>"},
		{name: "one within another", secrets: []string{"abcdef", "cdefgh"}, in: "abcdefgh", want: "(sensitive)"},
		{name: "one after another", secrets: []string{"1234"}, in: "12341234", want: "(sensitive)(sensitive)"},
		{name: "a beginning only", secrets: []string{"hunter2"}, in: "hunter hunte", want: "hunter hunte"},
		{name: "short: whole words", secrets: []string{"on"}, in: "on connection=on, on", want: "(sensitive) connection=(sensitive), (sensitive)"},
		{name: "one byte is no secret", secrets: []string{"a"}, in: "a word", want: "a word"},
		{
			name: "lines of a key", secrets: []string{"-----BEGIN KEY-----\nMC4CAQAwBQ\nshort\n-----END KEY-----\n"},
			in: "+-----BEGIN KEY-----\n+MC4CAQAwBQ\n+short\n", want: "+-----BEGIN KEY-----\n+(sensitive)\n+(sensitive)\n",
		},
		{
			name: "short lines in JSON", secrets: []string{"one\ns3cret\ntwo"},
			in: `"zero\ns3cret\nthree\tone"`, want: `"zero\n(sensitive)\nthree\t(sensitive)"`,
		},
		{
			name: "short lines: whole words", secrets: []string{"{\n  pin\n  s3cret\n}\n"},
			in: "+{\n+  pin\n+  s3cret\nspinning s3crets {}\n", want: "+{\n+  (sensitive)\n+  (sensitive)\nspinning s3crets {}\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := New(test.secrets...).String(test.in); got != test.want {
				t.Errorf("String(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

// TestForms lets the encoders themselves say how a secret looks.
func TestForms(t *testing.T) {
	t.Parallel()
	const secret = "it's 50% \"$HOME\" & <ü>\t\\/+\n~!☃😀"
	r := New(secret)
	indented, err := json.MarshalIndent(map[string]string{"x": secret}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"raw":             secret,
		"JSON":            string(indented),
		"Go":              fmt.Sprintf("%q", secret),
		"Go, ASCII":       fmt.Sprintf("%+q", secret),
		"query":           url.Values{"x": {secret}}.Encode(),
		"path":            url.PathEscape(secret),
		"URL":             (&url.URL{Scheme: "http", Host: "h", Path: "/" + secret}).String(),
		"userinfo":        (&url.URL{Scheme: "http", Host: "h", User: url.UserPassword("u", secret)}).String(),
		"hex":             hex.EncodeToString([]byte(secret)),
		"HEX":             fmt.Sprintf("%X", secret),
		"bash %q":         command(t, "bash", "-c", `printf %q "$1"`, "bash", secret),
		"bash @Q":         command(t, "bash", "-c", `printf %s "${1@Q}"`, "bash", secret),
		"Python JSON":     command(t, "python3", "-c", "import json,sys; print(json.dumps(sys.argv[1]))", secret),
		"Python URL":      command(t, "python3", "-c", "import urllib.parse,sys; print(urllib.parse.quote(sys.argv[1]))", secret),
		"Python quote":    command(t, "python3", "-c", "import shlex,sys; print(shlex.quote(sys.argv[1]))", secret),
		"base64 of dash":  base64.StdEncoding.EncodeToString([]byte("u:" + secret + ":x")),
		"base64 URL":      base64.URLEncoding.EncodeToString([]byte("u" + secret + "xy")),
		"base64 of alone": base64.StdEncoding.EncodeToString([]byte(secret)),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if text == "" {
				t.Skip("the program that makes this form is not installed")
			}
			if got := r.String(text); !strings.Contains(got, Mark) || len(got) > len(Mark)+20 {
				t.Errorf("%s\nis not hidden: %s", text, got)
			}
		})
	}
}

// command returns what a program prints, "" if it is not installed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		return ""
	}
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// FuzzWriter writes a text with secrets in all forms, cut anywhere, and looks for what is left of them.
func FuzzWriter(f *testing.F) {
	f.Add("hunter2", "ter2hun", "say ", " twice", uint8(3))
	f.Add("aaaa", "aaaaaa", "a", "aaaaa", uint8(1))
	f.Add("it's", "s \"q\"", "it", "'s \"q", uint8(2))
	f.Add("a\nb\nlonger line", "line", "", "\n", uint8(7))
	f.Fuzz(func(t *testing.T, one, two, before, after string, size uint8) {
		r := New(one, two)
		text := before + one + after + two + one + before
		for _, form := range append(forms(one), forms(two)...) {
			text += before + form + after
		}
		var out bytes.Buffer
		w := r.Writer(&out)
		for rest := []byte(text); len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if whole := r.String(text); whole != out.String() {
			t.Fatalf("in pieces of %d: %q\nas a whole: %q", int(size)+1, out.String(), whole)
		}
		// Each piece between marks is text that was passed on; a mark in the input itself only cuts finer.
		for piece := range strings.SplitSeq(out.String(), Mark) {
			for _, secret := range []string{one, two} {
				for _, form := range forms(secret) {
					if len(form) >= wordLength && strings.Contains(piece, form) {
						t.Fatalf("%q has the secret %q", piece, form)
					}
				}
			}
		}
	})
}
