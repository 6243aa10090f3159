package remote

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rcprov/rcprov/modules"
)

// The latest line of a command is shown while it runs, if it may be.
func TestLiveOutput(t *testing.T) {
	t.Parallel()
	d := &Dialer{}
	c, err := d.Connect(t.Context(), Target{Name: "here", Connection: "local", Become: Become{Method: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, live := range []bool{true, false} {
		var mu sync.Mutex
		var shown []string
		ctx := modules.WithProgress(t.Context(), func(line string) {
			mu.Lock()
			defer mu.Unlock()
			shown = append(shown, line)
		})
		script := "echo one; printf 'ten %%\\rtwenty %%\\r'; sleep 1; echo two >&2; printf part; sleep 1; printf ' of a line\\n'; sleep 1"
		result, err := c.Run(ctx, modules.Command{Script: script, Live: live})
		if err != nil || string(result.Stdout) != "one\nten %\rtwenty %\rpart of a line\n" {
			t.Errorf("%q, %v", result.Stdout, err)
		}
		var want []string
		if live {
			want = []string{"twenty %", "two", "part of a line"}
		}
		mu.Lock()
		if !slices.Equal(shown, want) {
			t.Errorf("live %v: shown %q, want %q", live, shown, want)
		}
		mu.Unlock()
	}
}

func TestLatestLine(t *testing.T) {
	t.Parallel()
	l := &latestLine{}
	long := strings.Repeat("x", maxLine+1)
	for _, w := range []struct{ write, want string }{{"a", ""}, {"b\n", "ab"}, {"c\nd\n\n", "d"}, {"e\rf", "e"}, {"\r\n", "f"}, {long, "f"}, {"rest\ng\n", "g"}} {
		if _, err := l.Write([]byte(w.write)); err != nil || string(l.line) != w.want {
			t.Errorf("after %q: %q, want %q (%v)", w.write, l.line, w.want, err)
		}
	}
}
