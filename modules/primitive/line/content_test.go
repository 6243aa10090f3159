package line

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/internal/portion"
)

func TestNewContent(t *testing.T) {
	t.Parallel()
	re := regexp.MustCompile
	port := desired{line: "Port 2222", regexp: re(`^#?Port `)}
	plain := desired{line: "b"}
	tests := []struct {
		name    string
		desired desired
		old     string
		want    string
		note    string
	}{
		{name: "there", desired: plain, old: "a\nb\nc\n", want: "a\nb\nc\n"},
		{name: "there without an end", desired: plain, old: "a\nb", want: "a\nb"},
		{name: "there with CRLF", desired: plain, old: "a\r\nb\r\n", want: "a\r\nb\r\n"},
		{name: "there twice", desired: plain, old: "b\nb\n", want: "b\nb\n"},
		{name: "part of another line", desired: plain, old: "abc\n", want: "abc\nb\n"},
		{name: "with space around it", desired: plain, old: " b\nb \n", want: " b\nb \nb\n"},
		{name: "empty text", desired: plain, old: "", want: "b\n"},
		{name: "only a newline", desired: plain, old: "\n", want: "\nb\n"},
		{name: "added at the end", desired: plain, old: "a\n", want: "a\nb\n"},
		{name: "added to a text without an end", desired: plain, old: "a", want: "a\nb\n"},
		{name: "added with CRLF", desired: plain, old: "a\r\n", want: "a\r\nb\r\n"},
		{name: "added with CRLF to a text without an end", desired: plain, old: "x\r\na", want: "x\r\na\r\nb\r\n"},

		{name: "replaced", desired: port, old: "x\n#Port 22\ny\n", want: "x\nPort 2222\ny\n"},
		{name: "replaced already", desired: port, old: "x\nPort 2222\ny\n", want: "x\nPort 2222\ny\n"},
		{name: "replaced at the end without an end", desired: port, old: "x\nPort 22", want: "x\nPort 2222"},
		{name: "replaced with CRLF", desired: port, old: "Port 22\r\nx\n", want: "Port 2222\r\nx\n"},
		{name: "first of several", desired: port, old: "#Port 22\nx\nPort 23\n", want: "Port 2222\nx\n"},
		{name: "the line among several", desired: port, old: "#Port 22\nx\nPort 2222\n", want: "x\nPort 2222\n"},
		{name: "the line twice", desired: port, old: "Port 2222\nPort 2222\n", want: "Port 2222\n"},
		{name: "no match", desired: port, old: "x\n", want: "x\nPort 2222\n"},
		{name: "dollar is the end of the line", desired: desired{line: "x=2", regexp: re(`^x=\d$`)}, old: "x=1\r\nx=1\n", want: "x=2\r\n"},
		{name: "no expansion of groups", desired: desired{line: "$1 ${1}", regexp: re(`(\$|a)`)}, old: "a\n", want: "$1 ${1}\n"},

		{name: "after", desired: desired{line: "b", place: portion.Place{After: re("^a")}}, old: "a1\na2\nz\n", want: "a1\na2\nb\nz\n"},
		{name: "after the last line without an end", desired: desired{line: "b", place: portion.Place{After: re("^a")}}, old: "z\na", want: "z\na\nb\n"},
		{
			name: "after nothing", desired: desired{line: "b", place: portion.Place{After: re("^q")}}, old: "a\n", want: "a\nb\n",
			note: `no line matches after = "^q": the line goes to the end`,
		},
		{name: "before", desired: desired{line: "b", place: portion.Place{Before: re("^z")}}, old: "a\nz1\nz2\n", want: "a\nb\nz1\nz2\n"},
		{name: "before the first line", desired: desired{line: "b", place: portion.Place{Before: re("^z")}}, old: "z", want: "b\nz"},
		{
			name: "before nothing", desired: desired{line: "b", place: portion.Place{Before: re("^q")}}, old: "a", want: "a\nb\n",
			note: `no line matches before = "^q": the line goes to the end`,
		},
		{name: "elsewhere is enough", desired: desired{line: "b", place: portion.Place{After: re("^z")}}, old: "b\nz\n", want: "b\nz\n"},
		{
			name: "a match is replaced where it is", desired: desired{line: "Port 2222", regexp: re("^#?Port "), place: portion.Place{After: re("^z")}},
			old: "Port 1\nz\n", want: "Port 2222\nz\n",
		},

		{name: "absent already", desired: desired{line: "b", absent: true}, old: "a\nab\n", want: "a\nab\n"},
		{name: "removed", desired: desired{line: "b", absent: true}, old: "b\na\nb\r\nc\n", want: "a\nc\n"},
		{name: "removed at the end", desired: desired{line: "b", absent: true}, old: "a\nb", want: "a\n"},
		{name: "only line removed", desired: desired{line: "b", absent: true}, old: "b\n", want: ""},
		{name: "matches removed", desired: desired{regexp: re("^b"), absent: true}, old: "a\nb1\nb2\n", want: "a\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, notes := newContent(test.old, test.desired)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if note := strings.Join(notes, "\n"); note != test.note {
				t.Errorf("note %q, want %q", note, test.note)
			}
			if again, _ := newContent(got, test.desired); again != got {
				t.Errorf("a second time: %q, after %q", again, got)
			}
		})
	}
}

// FuzzNewContent finds texts that a second run would change again.
func FuzzNewContent(f *testing.F) {
	f.Add("a\r\nb\nc", "b", "^a", false)
	f.Add("#Port 22\nPort 22", "Port 22", "", true)
	f.Fuzz(func(t *testing.T, old, line, expression string, absent bool) {
		d := desired{line: line, absent: absent}
		if expression != "" {
			compiled, err := regexp.Compile(expression)
			if err != nil || !compiled.MatchString(line) {
				return
			}
			d.regexp = compiled
		}
		if line == "" || strings.ContainsAny(line, "\r\n\x00") {
			return
		}
		once, _ := newContent(old, d)
		if twice, _ := newContent(once, d); twice != once {
			t.Errorf("once %q, twice %q", once, twice)
		}
	})
}
