package visible

import (
	"encoding/json"
	"testing"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want, line string }{
		{text: "grün 日本 👍\tx\n", want: "grün 日本 👍\tx\n", line: `"grün 日本 👍\tx\n"`},
		{text: "\x1b[2J\x1b]0;title\x07", want: "^[[2J^[]0;title^G"},
		{text: "a\rb\x7f\x00", want: "a^Mb^?^@"},
		{text: "\u009b2J", want: `\u009b2J`}, // C1 in UTF-8
		{text: "\x9b2J", want: `\x9b2J`},     // C1 as a byte
		{text: "\u202egnp.exe\u2066", want: `\u202egnp.exe\u2066`},
		{text: "\u200b\u00ad\ufeff\u2028\U000e0041", want: `\u200b\u00ad\ufeff\u2028\U000e0041`},
	} {
		if got := Text(test.text); got != test.want {
			t.Errorf("Text(%q) = %q, want %q", test.text, got, test.want)
		}
		if test.line == "" {
			test.line = test.want
		}
		if got := Line(test.text); got != test.line {
			t.Errorf("Line(%q) = %q, want %q", test.text, got, test.line)
		}
	}
}

func TestSameLength(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"grün\tx\r\ny\n":                "grün\tx\r\ny\n",
		"a\x1b[2J\rb":                   "a?[2J?b",
		"\x9b2J \u009b2J":               "?2J ¿2J",
		"\u202egnp.exe \U000e0041 grün": "\ufffdgnp.exe ¿¿ grün",
	} {
		if got := string(SameLength([]byte(source))); got != want || len(got) != len(source) {
			t.Errorf("SameLength(%q) = %q, want %q", source, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	const text = "\x1b\u009b\u202e\U000e0041 grün \x7f\n"
	encoded, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	got := JSON(encoded)
	if want := `"\u001b\u009b\u202e\udb40\udc41 grün \u007f\n"`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	var back string
	if err := json.Unmarshal(got, &back); err != nil || back != text {
		t.Errorf("read again: %q, %v", back, err)
	}
}
