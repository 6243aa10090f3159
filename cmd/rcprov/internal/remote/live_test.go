package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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
	want := []string{"twenty %", "two", "part of a line"}
	for _, live := range []bool{true, false} {
		dir := t.TempDir()
		var mu sync.Mutex
		var shown []string
		ctx := modules.WithProgress(t.Context(), func(line string) {
			mu.Lock()
			defer mu.Unlock()
			if line == "one" || line == "ten %" { // seldom: between two writes
				return
			}
			shown = append(shown, line)
			if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(len(shown))), nil, 0o600); err != nil {
				t.Error(err)
			}
		})
		seen := func(n int) string { return fmt.Sprintf("until [ -e %s/%d ]; do sleep 0.05; done; ", dir, n) }
		if !live {
			seen = func(int) string { return fmt.Sprintf("sleep %v; ", (showEvery + 100*time.Millisecond).Seconds()) }
		}
		script := "echo one; printf 'ten %%\\rtwenty %%\\r'; " + seen(1) + "echo two >&2; printf part; " + seen(2) + "printf ' of a line\\n'; " + seen(3)
		result, err := c.Run(ctx, modules.Command{Script: script, Live: live})
		if err != nil || string(result.Stdout) != "one\nten %\rtwenty %\rpart of a line\n" {
			t.Errorf("%q, %v", result.Stdout, err)
		}
		mu.Lock()
		if live && !slices.Equal(shown, want) || !live && len(shown) > 0 {
			t.Errorf("live %v: shown %q, want %q", live, shown, want)
		}
		mu.Unlock()
	}
}

// Each output has lines of its own: the beginning of one is not that of a line of the other.
func TestLatestLineOfTwoOutputs(t *testing.T) {
	t.Parallel()
	latest := &latestLine{}
	stdout, stderr := &lineWriter{latest: latest}, &lineWriter{latest: latest}
	for _, w := range []struct {
		to          *lineWriter
		write, want string
	}{{stdout, "one\npart", "one"}, {stderr, "two\n", "two"}, {stdout, " of a line\n", "part of a line"}} {
		if _, err := w.to.Write([]byte(w.write)); err != nil || string(latest.line) != w.want {
			t.Errorf("after %q: %q, want %q (%v)", w.write, latest.line, w.want, err)
		}
	}
}

func TestLatestLine(t *testing.T) {
	t.Parallel()
	l := &lineWriter{latest: &latestLine{}}
	long := strings.Repeat("x", maxLine+1)
	for _, w := range []struct{ write, want string }{{"a", ""}, {"b\n", "ab"}, {"c\nd\n\n", "d"}, {"e\rf", "e"}, {"\r\n", "f"}, {long, "f"}, {"rest\ng\n", "g"}} {
		if _, err := l.Write([]byte(w.write)); err != nil || string(l.latest.line) != w.want {
			t.Errorf("after %q: %q, want %q (%v)", w.write, l.latest.line, w.want, err)
		}
	}
}
