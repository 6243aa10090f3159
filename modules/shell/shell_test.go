package shell_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/shell"
)

func TestQuoteAll(t *testing.T) {
	t.Parallel()
	words := []string{"", "plain", "a b", "it's", `\n`, "$HOME", "`id`", "*", "~", "-n", "a\nb", "ü", "a=b", "\x01\x7f", "#x", "!"}
	inShells(t, func(t *testing.T, run func(script string) string) {
		output := run(`show() { for w do printf '%s\0' "$w"; done; }; show ` + shell.QuoteAll(words) + "\n")
		got := strings.Split(strings.TrimSuffix(output, "\x00"), "\x00")
		if diff := cmp.Diff(words, got); diff != "" {
			t.Errorf("words (-want +got):\n%s", diff)
		}
	})
}

func TestScript(t *testing.T) {
	t.Parallel()
	text := "# Prints the list.\n# Twice.\n\n: \"${list?}\"\n# sorted\neval \"set -- $list\"\nprintf '%s|' \"$@\" \"$one\"\n"
	list := []string{"a b", "it's", "", "$HOME\n*", "X=1"}
	script := shell.Script(text, shell.Vars{"one": "x'y", "list": shell.QuoteAll(list)})
	if strings.Contains(script, "Twice") || !strings.Contains(script, "# sorted") {
		t.Errorf("want the comment at the head gone, and no other:\n%s", script)
	}
	inShells(t, func(t *testing.T, run func(script string) string) {
		want := strings.Join(append(list, "x'y"), "|") + "|"
		if diff := cmp.Diff(want, run(script)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestScriptMissingVariable(t *testing.T) {
	t.Parallel()
	output, err := exec.Command("sh", "-c", shell.Script(": \"${path?}\"\necho went on\n", nil)).CombinedOutput()
	if err == nil || !strings.Contains(string(output), "path") || strings.Contains(string(output), "went on") {
		t.Errorf("want an error that names the variable, got %v: %s", err, output)
	}
}

// shells are what scripts must parse in: /bin/sh of Debian and Ubuntu, the stricter reader, and the smallest.
var shells = [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}}

// inShells runs test in each of them; run returns what a script printed.
func inShells(t *testing.T, test func(t *testing.T, run func(script string) string)) {
	for _, sh := range shells {
		t.Run(sh[0], func(t *testing.T) {
			t.Parallel()
			requireShell(t, sh)
			test(t, func(script string) string {
				cmd := exec.Command(sh[0], slices.Concat(sh[1:], []string{"-euc", script})...)
				cmd.Dir = t.TempDir() // without files that a pattern would match
				output, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, output)
				}
				return string(output)
			})
		})
	}
}

func requireShell(t *testing.T, sh []string) {
	t.Helper()
	if _, err := exec.LookPath(sh[0]); err != nil {
		t.Skipf("NOT RUN: this machine has no %s", sh[0])
	}
}

// TestEmbeddedScripts parses every script that rcprov sends to hosts.
func TestEmbeddedScripts(t *testing.T) {
	t.Parallel()
	var files []string
	for _, root := range []string{"../../cmd", "../../modules"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".sh") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) == 0 {
		t.Fatal("found no script")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(text, []byte("# ")) {
			t.Errorf("%s doesn't begin with a comment that says what it prints and needs", file)
		}
		if !embedded(t, file) {
			t.Errorf("no Go file beside %s embeds it", file)
		}
	}
	for _, sh := range shells {
		t.Run(sh[0], func(t *testing.T) {
			t.Parallel()
			requireShell(t, sh)
			for _, file := range files {
				output, err := exec.Command(sh[0], slices.Concat(sh[1:], []string{"-n", file})...).CombinedOutput()
				if err != nil || len(output) > 0 {
					t.Errorf("%s: %v\n%s", file, err, output)
				}
			}
		})
	}
}

// embedded reports whether a Go file of the same directory embeds the script.
func embedded(t *testing.T, script string) bool {
	sources, err := filepath.Glob(filepath.Join(filepath.Dir(script), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(sources, func(source string) bool {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(text, []byte("//go:embed "+filepath.Base(script)+"\n"))
	})
}
