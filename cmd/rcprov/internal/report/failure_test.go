package report

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

// TestError holds the whole text of errors of each kind.
func TestError(t *testing.T) {
	t.Parallel()
	command := func(stdout, stderr string) error {
		return modules.NewCommandError(
			modules.Command{Argv: []string{"nginx", "-t"}}, modules.Result{Status: 1, Stdout: []byte(stdout), Stderr: []byte(stderr)},
		)
	}
	var many strings.Builder
	for i := range 30 {
		fmt.Fprintf(&many, "line %d\r\n\n", i+1)
	}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{name: "plain", err: errors.New("no such thing"), want: "Error: no such thing\n"},
		{
			name: "hints of two layers",
			err: modules.WithHint(fmt.Errorf("apply: %w", modules.WithHint(errors.New("disk full"), "Make room.")),
				"Run the same command again."),
			want: "Error: apply: disk full\n\nMake room. Run the same command again.\n",
		},
		{
			name: "the same hint twice",
			err:  modules.WithHint(modules.WithHint(errors.New("disk full"), "Make room."), "Make room."),
			want: "Error: disk full\n\nMake room.\n",
		},
		{
			name: "mistake in an argument",
			err:  &modules.ArgError{Arg: "mode", Err: errors.New(`must be octal, not "rw"`), Hint: `Write "0644".`},
			want: "Error: mode: must be octal, not \"rw\"\n\nWrite \"0644\".\n",
		},
		{
			name: "several at once",
			err:  errors.Join(modules.WithHint(errors.New("one is wrong"), "Do this."), modules.WithHint(errors.New("another too"), "Do that.")),
			want: "Error: one is wrong\n\n  | another too\n\nDo this. Do that.\n",
		},
		{
			name: "the same hint in both of two",
			err: fmt.Errorf("%w; %w", modules.WithHint(errors.New("lost"), "Try again."),
				modules.WithHint(modules.WithHint(errors.New("not there"), "Look for it."), "Try again.")),
			want: "Error: lost; not there\n\nTry again. Look for it.\n",
		},
		{
			name: "command with one line",
			err:  command("", "nginx: unknown directive\n"),
			want: "Error: nginx: unknown directive (exit status 1)\n",
		},
		{
			name: "command that speaks on standard output",
			err:  command("reading\nwrong\n", "\n"),
			want: "Error: nginx: wrong (exit status 1)\n\n  | reading\n  | wrong\n",
		},
		{
			name: "command with a lot to say",
			err:  command("", many.String()),
			want: "Error: nginx: line 30 (exit status 1)\n\n  | line 21\n  | line 22\n  | line 23\n  | line 24\n  | line 25\n" +
				"  | line 26\n  | line 27\n  | line 28\n  | line 29\n  | line 30\n",
		},
		{
			name: "progress bar, colours, window title, bell",
			err:  command("", "10%\r50%\r100%\n\x1b]0;title\x07\x1b[1;31mwrong\x1b[0m\x07\n"),
			want: "Error: nginx: wrong^G (exit status 1)\n\n  | 100%\n  | wrong^G\n",
		},
		{
			name: "secret with a colour in it",
			err:  command("", "one\nuser hunter2 \x1b[1m& co\x1b[0m\n"),
			want: "Error: nginx: user (sensitive) (exit status 1)\n\n  | one\n  | user (sensitive)\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := Error(test.err, Options{Err: &got, Now: time.Now, Secrets: redact.New(secret)}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiagnosticsArePrintable: what a mistake quotes, such as a name in a file that somebody else made, reaches no terminal raw.
func TestDiagnosticsArePrintable(t *testing.T) {
	t.Parallel()
	const name = "lib/\x1b[31m\nx.hcl"
	files := map[string]*hcl.File{name: {Bytes: []byte("a = 1\n\x1b[2J\u009b2J b\n")}}
	at := &hcl.Range{Filename: name, Start: hcl.Pos{Line: 2, Column: 1, Byte: 6}, End: hcl.Pos{Line: 2, Column: 5, Byte: 10}}
	var out strings.Builder
	mistake := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "has \x1b[2J", Detail: "and \u202e", Subject: at}
	if err := Diagnostics(hcl.Diagnostics{mistake}, "", Options{Err: &out, Files: files}); err != nil {
		t.Fatal(err)
	}
	want := "Error: has ^[[2J\n\n  on \"lib/\\x1b[31m\\nx.hcl\" line 2:\n   2: ?[2J¿2J b\n\nand \\u202e\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	failed := problem{Summary: "no", where: at}.render("", Options{Files: files})
	if want := "Error: no\n\n  on \"lib/\\x1b[31m\\nx.hcl\" line 2:\n   2: ?[2J¿2J b\n\n"; !strings.HasPrefix(failed, want) {
		t.Errorf("a failure: %q", failed)
	}
}
