package block

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/moduletest"
)

func TestText(t *testing.T) {
	t.Parallel()
	const ours = "# BEGIN rcprov x\na\nb\n# END rcprov x\n"
	tests := []struct {
		name string
		args Args
		old  string
		want string // old, if empty and no error
		note string
		err  string
	}{
		{name: "empty text", want: ours},
		{name: "converged", old: "1\n" + ours + "2\n", want: "1\n" + ours + "2\n"},
		{name: "converged without an end", old: "# BEGIN rcprov x\na\nb\n# END rcprov x", want: "# BEGIN rcprov x\na\nb\n# END rcprov x"},
		{name: "at the end", old: "1", want: "1\n" + ours},
		{name: "changed", old: "1\n# BEGIN rcprov x\na\n# END rcprov x\n2\n", want: "1\n" + ours + "2\n"},
		{name: "CRLF", old: "1\r\n", want: "1\r\n# BEGIN rcprov x\r\na\r\nb\r\n# END rcprov x\r\n"},
		{name: "CRLF converged", old: "# BEGIN rcprov x\r\na\r\nb\r\n# END rcprov x\r\n", want: "# BEGIN rcprov x\r\na\r\nb\r\n# END rcprov x\r\n"},
		{name: "twice", old: ours + "1\n" + ours, want: ours + "1\n"},
		{name: "another's", old: "# BEGIN rcprov y\na\nb\n# END rcprov y\n", want: "# BEGIN rcprov y\na\nb\n# END rcprov y\n" + ours},
		{name: "after", args: Args{After: new("^1")}, old: "1\n2\n", want: "1\n" + ours + "2\n"},
		{name: "before", args: Args{Before: new("^2")}, old: "1\n2\n", want: "1\n" + ours + "2\n"},
		{name: "after nothing", args: Args{After: new("^3")}, old: "1\n", want: "1\n" + ours, note: `no line matches after = "^3": the block goes to the end`},
		{name: "it stays where it is", args: Args{Before: new("^1")}, old: "1\n" + ours, want: "1\n" + ours},
		{name: "absent", args: Args{State: "absent"}, old: "1\n" + ours + "2\n" + ours, want: "1\n2\n"},
		{
			name: "no end", old: "1\n# BEGIN rcprov x\na\n",
			err: `line 2 is the marker "# BEGIN rcprov x", and the marker "# END rcprov x" that belongs to it is missing`,
		},
		{
			name: "no begin", args: Args{State: "absent"}, old: "a\n# END rcprov x\n",
			err: `line 2 is the marker "# END rcprov x", and the marker "# BEGIN rcprov x" that belongs to it is missing`,
		},
		{
			name: "two begins", old: "# BEGIN rcprov x\n# BEGIN rcprov x\n# END rcprov x\n",
			err: `line 2 is the marker "# BEGIN rcprov x", and the marker "# END rcprov x" that belongs to it is missing`,
		},
	}
	for _, test := range tests {
		test.args.Block = "a\nb\n"
		d, errs := newDesired(test.args, "# {mark} rcprov x")
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		text, notes, err := d.text(test.old)
		if moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.err)
		}
		if diff := cmp.Diff(test.want, text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if test.note != "" != (len(notes) == 1 && notes[0] == test.note) {
			t.Errorf("%s: notes %q, want %q", test.name, notes, test.note)
		}
		if again, _, _ := d.text(text); err == nil && again != text {
			t.Errorf("%s: a second time it becomes %q", test.name, again)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{Path: "/etc/x", Block: "a\n", State: "present", Mode: "0644", Owner: "root", Group: "root"}
	for want, change := range map[string]func(*Args){
		"":                                       func(*Args) {},
		"block: is required":                     func(a *Args) { a.Block = "" },
		"block: contains its own marker":         func(a *Args) { a.Block = "a\n# END rcprov x\n" },
		`marker: must contain {mark}, not "# x"`: func(a *Args) { a.Marker = "# x" },
		"marker: must be one line":               func(a *Args) { a.Marker = "{mark}\n" },
		"state: is absent, which conflicts with after and before": func(a *Args) { a.State, a.After = "absent", new("a") },
	} {
		args := valid
		change(&args)
		step, err := New(args, modules.Env{Label: "x", Sensitive: func(string) bool { return false }})
		if moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
		if text, _, err := step.(*portion.Step).Text(""); want == "" && (err != nil || text != "# BEGIN rcprov x\na\n# END rcprov x\n") {
			t.Errorf("text %q, %v", text, err)
		}
	}
}
