//go:build unix

package observe_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// counted makes a directory with programs of the host that note each start of them; started returns how often each was.
func counted(t *testing.T, programs ...string) (dir string, started func() map[string]int) {
	t.Helper()
	dir = t.TempDir()
	log := filepath.Join(dir, "log")
	for _, program := range programs {
		text := fmt.Sprintf("#!/bin/sh\necho %[1]s >>%[2]s\nPATH=%[3]s exec %[1]s \"$@\"\n", program, shell.Quote(log), shell.Quote(os.Getenv("PATH")))
		must(t, os.WriteFile(filepath.Join(dir, program), []byte(text), 0o755))
	}
	return dir, func() map[string]int {
		said, err := os.ReadFile(log)
		must(t, err)
		must(t, os.Remove(log))
		n := make(map[string]int)
		for _, program := range strings.Fields(string(said)) {
			n[program]++
		}
		return n
	}
}

// TestFileMany has more files than arguments have room for, and contents that look like the next file's. However many they are, few
// programs are started: ten times as many files take about ten times as many.
func TestFileMany(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("NOT RUN: this machine has no dash, /bin/sh of all hosts; bash takes minutes for patterns in a long text")
	}
	host := &moduletest.Host{Shell: path}
	bin, started := counted(t, "stat", "sha256sum", "readlink", "base64", "head", "sort", "uniq", "cut", "xargs")
	dir := t.TempDir()
	name := func(i int) string { return fmt.Sprintf("%s/%0150d", dir, i) }
	programs := func(n int, change func(i int) (known string)) int {
		var q observe.Query
		var questions []observe.FileQuestion
		for i := range n {
			questions = append(questions, observe.FileQuestion{Path: name(i), Content: true, UnlessSHA256: change(i)})
			observe.File.Ask(&q, questions[i])
		}
		stdout, stderr, err := host.Ask(t.Context(), "PATH="+shell.Quote(bin)+":$PATH\n"+q.Script("M"))
		must(t, err)
		s, err := q.Parse("M", stdout, stderr)
		must(t, err)
		for i, question := range questions {
			f, err := observe.File.Get(s, question)
			want, readErr := os.ReadFile(name(i))
			switch {
			case err != nil:
				t.Fatalf("file %d: %v", i, err)
			case readErr != nil:
				if f.Type != observe.Absent {
					t.Fatalf("file %d: %v, want nothing", i, f.Type)
				}
			case f.SHA256 != sum(string(want)):
				t.Fatalf("file %d: sum %s", i, f.SHA256)
			case f.SHA256 == question.UnlessSHA256 && f.Content != nil, f.SHA256 != question.UnlessSHA256 && string(f.Content) != string(want):
				t.Fatalf("file %d: content %q, want %q, unless it is the known one", i, f.Content, want)
			}
		}
		total := 0
		for _, n := range started() {
			total += n
		}
		return total
	}
	content := func(i int) string { return "content " + strconv.Itoa(i) + "\n" }
	known := func(i int) string { return sum(content(i)) }
	const few, many = 60, 1200
	if n := programs(10000, known); n > 40 { // none is there: 1.5 MB of names
		t.Errorf("%d programs for files that are missing", n)
	}
	for i := range many {
		must(t, os.WriteFile(name(i), []byte(content(i)), 0o600))
	}
	if n := programs(few, known); n != 2 {
		t.Errorf("%d programs for few files, want stat and sha256sum", n)
	}
	if n := programs(many, known); n > 30 {
		t.Errorf("%d programs for many files", n)
	}
	for i := range many { // half of them differ, and most of these look like the beginning of others
		switch i % 4 {
		case 0:
			must(t, os.WriteFile(name(i), []byte("other"), 0o600))
		case 1:
			must(t, os.WriteFile(name(i), fmt.Appendf(nil, "\n==> %s <==\n\n==> %s <==\nx", name(i+3), name(i)), 0o600))
		}
	}
	must(t, os.WriteFile(name(8), nil, 0o600))
	must(t, os.WriteFile(name(9), []byte("==> \n"), 0o600))
	must(t, os.Remove(name(12)))
	for n, most := range map[int]int{few: 8, many: 100} {
		if got := programs(n, known); got > most {
			t.Errorf("%d programs for %d files, half of which differ", got, n)
		}
	}
}
