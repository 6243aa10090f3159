//go:build unix

package observe_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

func sum(s string) string {
	digest := sha256.Sum256([]byte(s))
	return hex.EncodeToString(digest[:])
}

// names are file names that a script could stumble over. All are UTF-8, as every string of a plan is: uutils refuses others.
var names = []string{
	"plain", "with space", " leading and trailing ", "it's", `say "x"`, `back\slash`, `\`, `a\nb`, "-n", "--help", "*", "?", "[a]",
	"$HOME", "`id`", "tab\there", "cr\rhere", "cr\rand\\slash", "ü", "a:b", "%s", "~", "#", "x)", "content x", "link\ty", "  two  spaces",
}

func ask(t *testing.T, host observe.Host, questions ...observe.FileQuestion) *observe.Snapshot {
	t.Helper()
	var q observe.Query
	for _, question := range questions {
		observe.File.Ask(&q, question)
	}
	s, err := q.Run(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		dir := filepath.Join(t.TempDir(), "it's a \\ dir")
		must(t, os.Mkdir(dir, 0o755))
		var questions []observe.FileQuestion
		for i, name := range names {
			path := filepath.Join(dir, name)
			must(t, os.WriteFile(path, []byte("content of "+name), 0o640))
			must(t, os.Chmod(path, 0o640))
			must(t, os.Symlink("to\n"+name, path+".link"))
			question := observe.FileQuestion{Path: path, Content: true}
			if i%2 == 0 {
				question.UnlessSHA256 = sum("content of " + name)
			}
			questions = append(questions, question,
				observe.FileQuestion{Path: path + ".link", Content: true}, observe.FileQuestion{Path: path + ".none", Content: true})
		}
		s := ask(t, host, questions...)
		for i, name := range names {
			file, err := observe.File.Get(s, questions[3*i])
			if err != nil || file.Type != observe.Regular || file.Mode != 0o640 || file.SHA256 != sum("content of "+name) {
				t.Errorf("%q: got %+v, %v", name, file, err)
			}
			if i%2 == 0 && file.Content != nil || i%2 == 1 && string(file.Content) != "content of "+name {
				t.Errorf("%q: content %q", name, file.Content)
			}
			link, err := observe.File.Get(s, questions[3*i+1])
			if err != nil || link.Type != observe.Symlink || link.Target != "to\n"+name {
				t.Errorf("link %q: got %+v, %v", name, link, err)
			}
			if none, err := observe.File.Get(s, questions[3*i+2]); err != nil || none.Type != observe.Absent {
				t.Errorf("missing %q: got %+v, %v", name, none, err)
			}
		}
	})
}

// TestFileTargets has targets that a line each can tell, and others.
func TestFileTargets(t *testing.T) {
	t.Parallel()
	plain := []string{"x", " y ", "-n", "/none", `a\nb`, "x"}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		for _, other := range []string{"", "a\n", "\na", "\n", "a\nb", "a\n\nb"} {
			dir := t.TempDir()
			targets := plain
			if other != "" {
				targets = append(slices.Clone(plain), other)
			}
			var questions []observe.FileQuestion
			for i, target := range targets {
				path := filepath.Join(dir, strconv.Itoa(i))
				must(t, os.Symlink(target, path))
				questions = append(questions, observe.FileQuestion{Path: path})
			}
			s := ask(t, host, questions...)
			for i, target := range targets {
				if f, err := observe.File.Get(s, questions[i]); err != nil || f.Target != target {
					t.Errorf("beside %q: got %q, %v; want %q", other, f.Target, err, target)
				}
			}
		}
	})
}

func TestFileTypes(t *testing.T) {
	t.Parallel()
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		dir := t.TempDir()
		in := func(name string) string { return filepath.Join(dir, name) }
		must(t, os.WriteFile(in("file"), nil, 0o600))
		must(t, os.WriteFile(in("big"), make([]byte, observe.MaxContent+1), 0o600))
		must(t, os.WriteFile(in("limit"), make([]byte, observe.MaxContent), 0o600))
		must(t, os.Mkdir(in("dir"), 0o755))
		must(t, os.Chmod(in("dir"), 0o755|os.ModeSticky|os.ModeSetgid))
		must(t, syscall.Mkfifo(in("fifo"), 0o600))
		must(t, os.Symlink("loop", in("loop")))
		must(t, os.Symlink("file", in("link")))

		tests := []struct {
			path string
			want observe.FileType
			err  string
		}{
			{path: "/", want: observe.Directory},
			{path: in("file"), want: observe.Regular},
			{path: in("big"), want: observe.Regular},
			{path: in("limit"), want: observe.Regular},
			{path: in("dir"), want: observe.Directory},
			{path: in("fifo"), want: observe.OtherType},
			{path: "/dev/null", want: observe.OtherType},
			{path: in("loop"), want: observe.Symlink},
			{path: in("link"), want: observe.Symlink},
			{path: in("link/x"), want: observe.Absent}, // ENOTDIR
			{path: in("file/x/y"), want: observe.Absent},
			{path: in("none/x"), want: observe.Absent},
			{path: in("loop/x"), err: "Too many levels of symbolic links"},
			{path: in(strings.Repeat("x", 300)), err: "File name too long"},
			{path: "/proc/self/mem", err: "Input/output error"},
		}
		var questions []observe.FileQuestion
		for _, test := range tests {
			questions = append(questions, observe.FileQuestion{Path: test.path, Content: true})
		}
		s := ask(t, host, questions...)
		for i, test := range tests {
			got, err := observe.File.Get(s, questions[i])
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%s: error %v, want %q", test.path, err, test.err)
				}
			} else if err != nil || got.Type != test.want {
				t.Errorf("%s: %v, %v; want %v", test.path, got.Type, err, test.want)
			}
		}
		if d, _ := observe.File.Get(s, questions[4]); d.Mode != 0o755|os.ModeSticky|os.ModeSetgid {
			t.Errorf("mode of dir: %v", d.Mode)
		}
		if f, _ := observe.File.Get(s, questions[1]); f.Content == nil || len(f.Content) != 0 {
			t.Errorf("content of an empty file: %v", f.Content)
		}
		if f, _ := observe.File.Get(s, questions[2]); f.Content != nil || f.SHA256 == "" || f.Size != observe.MaxContent+1 {
			t.Errorf("big file: %d bytes of content, sum %q, size %d", len(f.Content), f.SHA256, f.Size)
		}
		if f, _ := observe.File.Get(s, questions[3]); len(f.Content) != observe.MaxContent {
			t.Errorf("largest content: %d bytes", len(f.Content))
		}
	})
}

// TestFileAskedTwice has steps that ask different things about one path.
func TestFileAskedTwice(t *testing.T) {
	t.Parallel()
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		path := filepath.Join(t.TempDir(), "f")
		must(t, os.WriteFile(path, []byte("x"), 0o600))
		plain := observe.FileQuestion{Path: path}
		same := observe.FileQuestion{Path: path, Content: true, UnlessSHA256: sum("x")}
		differs := observe.FileQuestion{Path: path, Content: true, UnlessSHA256: sum("y")}
		always := observe.FileQuestion{Path: path, Content: true}
		s := ask(t, host, plain, same, differs, always)
		if f, err := observe.File.Get(s, plain); err != nil || f.SHA256 != "" || f.Content != nil {
			t.Errorf("plain: %+v, %v", f, err)
		}
		if f, err := observe.File.Get(s, same); err != nil || f.SHA256 != sum("x") || f.Content != nil {
			t.Errorf("same: %+v, %v", f, err)
		}
		for _, q := range []observe.FileQuestion{differs, always} {
			if f, err := observe.File.Get(s, q); err != nil || string(f.Content) != "x" {
				t.Errorf("%+v: %+v, %v", q, f, err)
			}
		}
	})
}

// TestFileStartsFewPrograms counts what the script starts: that is what makes a look at a host slow.
func TestFileStartsFewPrograms(t *testing.T) {
	t.Parallel()
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		dir := t.TempDir()
		var q observe.Query
		for i := range 20 {
			path := filepath.Join(dir, "file"+strconv.Itoa(i))
			must(t, os.WriteFile(path, []byte("x"), 0o600))
			observe.File.Ask(&q, observe.FileQuestion{Path: path, Content: true, UnlessSHA256: sum("x")})
			must(t, os.Symlink("x", path+".link"))
			observe.File.Ask(&q, observe.FileQuestion{Path: path + ".link"})
			observe.File.Ask(&q, observe.FileQuestion{Path: path + ".none"})
		}
		counting := t.TempDir()
		for _, program := range []string{"stat", "sha256sum", "readlink", "base64", "cat", "grep", "sed", "awk", "tr", "cut", "head", "find"} {
			real, err := exec.LookPath(program)
			must(t, err)
			script := fmt.Sprintf("#!/bin/sh\necho %s >>%s\nexec %s \"$@\"\n", program, shell.Quote(filepath.Join(dir, "started")), real)
			must(t, os.WriteFile(filepath.Join(counting, program), []byte(script), 0o755)) //nolint:gosec // it is a program
		}
		if _, _, err := host.Ask(t.Context(), "PATH="+shell.Quote(counting)+":$PATH\n"+q.Script("M")); err != nil {
			t.Fatal(err)
		}
		started, err := os.ReadFile(filepath.Join(dir, "started"))
		must(t, err)
		got := strings.Fields(string(started))
		slices.Sort(got)
		if want := []string{"readlink", "sha256sum", "stat"}; !slices.Equal(got, want) {
			t.Errorf("started %v, want each of %v once", got, want)
		}
	})
}

// TestFileWithoutTools has a host whose PATH leads nowhere: nothing can be told, and nothing may look absent.
func TestFileWithoutTools(t *testing.T) {
	t.Parallel()
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		var q observe.Query
		observe.File.Ask(&q, observe.FileQuestion{Path: "/none"})
		stdout, stderr, err := host.Ask(t.Context(), "PATH=/none\n"+q.Script("M"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := q.Parse("M", stdout, stderr)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := observe.File.Get(s, observe.FileQuestion{Path: "/none"}); err == nil || !strings.Contains(err.Error(), "stat: ") {
			t.Errorf("got %+v, %v", f, err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
