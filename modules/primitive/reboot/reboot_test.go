package reboot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// debian is Debian 12 on a machine of its own, as boot.sh says it; the kernels are made up.
const debian = `boot 6c9b5a1e-0000-4000-8000-000000000001 3
began 1732100000
systemd
runs 6.1.0-28-amd64
version #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)
package 6.1.119-1
image 6.1.0-9-amd64
image 6.1.0-28-amd64
`

func TestParseBoot(t *testing.T) {
	t.Parallel()
	want := boot{
		ID: "6c9b5a1e-0000-4000-8000-000000000001 3", Began: time.Unix(1732100000, 0), Systemd: true,
		Runs: "6.1.0-28-amd64", Version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)", Package: "6.1.119-1",
		Images: []string{"6.1.0-9-amd64", "6.1.0-28-amd64"},
	}
	got := parseBoot(nil, observe.Reply{Stdout: []byte(debian)})[struct{}{}]
	if diff := cmp.Diff(want, got.Value); diff != "" || got.Err != nil {
		t.Errorf("%v, -want +got:\n%s", got.Err, diff)
	}
	for name, reply := range map[string]observe.Reply{
		"nothing":    {Status: 1},
		"no time":    {Stdout: []byte(strings.Replace(debian, "began 1732100000", "began", 1))},
		"no kernel":  {Stdout: []byte(strings.Replace(debian, "runs ", "walks ", 1))},
		"cut off by": {Stdout: []byte(debian), Status: 2},
	} {
		if answers := parseBoot(nil, reply); len(answers) != 0 {
			t.Errorf("%s: %v", name, answers)
		}
	}
}

func TestNewer(t *testing.T) {
	t.Parallel()
	const runs = "6.1.0-28-amd64"
	for name, test := range map[string]struct {
		is   boot
		want string
	}{
		"the newest":        {boot{Runs: runs, Images: []string{"6.1.0-9-amd64", runs}}, ""},
		"none on disk":      {boot{Runs: runs}, ""},
		"a newer one":       {boot{Runs: runs, Images: []string{runs, "6.1.0-100-amd64"}}, "kernel 6.1.0-100-amd64 is installed, 6.1.0-28-amd64 runs"},
		"another flavour":   {boot{Runs: runs, Images: []string{runs, "6.1.0-28-cloud-amd64"}}, ""},
		"in a container":    {boot{Runs: runs, Container: true, Images: []string{"6.1.0-100-amd64"}}, ""},
		"of backports":      {boot{Runs: runs, Images: []string{"6.10.11+bpo-amd64"}}, "kernel 6.10.11+bpo-amd64 is installed, 6.1.0-28-amd64 runs"},
		"of Ubuntu":         {boot{Runs: "5.15.0-125-generic", Images: []string{"5.15.0-97-generic", "5.15.0-125-generic"}}, ""},
		"the same, rebuilt": {boot{Runs: runs, Version: "#1 SMP Debian 6.1.119-1 (2024-11-22)", Package: "6.1.120-1"}, "kernel 6.1.0-28-amd64 of version 6.1.120-1 is installed, 6.1.119-1 runs"},
		"of no package":     {boot{Runs: "6.12.9", Version: "#1 SMP"}, ""},
		"foreseen":          {boot{Runs: runs, Images: []string{runs, coming}}, "kernel a newer one is installed, 6.1.0-28-amd64 runs"},
	} {
		if got := test.is.newer(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	began := time.Unix(1000, 0)
	is := boot{ID: "b 1", Began: began, Systemd: true, Runs: "6.1.0-1-amd64"}
	older, bare := is, is
	older.Images = []string{"6.1.0-2-amd64"}
	bare.Systemd = false
	there := observe.FileInfo{Type: observe.Regular, ChTime: began}
	edit := func(why string) []modules.Edit {
		return []modules.Edit{{Action: modules.Run, Subject: "reboot", From: why}}
	}
	later := observe.FileInfo{Type: observe.Regular, ChTime: began.Add(time.Second)}
	for _, test := range []struct {
		name     string
		boot     boot
		bootErr  error
		file, on observe.FileInfo
		onErr    error
		kernel   bool
		want     []modules.Edit
		err      string
	}{
		{name: "converged", boot: is, on: there, kernel: true},
		{name: "the file", boot: is, file: there, on: there, want: edit("/run/reboot-required exists")},
		{name: "changed since", boot: is, on: later, want: edit("/etc/x has changed since the boot")},
		{name: "kernel", boot: older, on: there, kernel: true, want: edit("kernel 6.1.0-2-amd64 is installed, 6.1.0-1-amd64 runs")},
		{name: "kernel, not asked for", boot: older, on: there},
		{name: "both", boot: older, file: there, on: there, kernel: true, want: edit("/run/reboot-required exists, kernel 6.1.0-2-amd64 is installed, 6.1.0-1-amd64 runs")},
		{name: "no systemd, no reason", boot: bare, on: there},
		{
			name: "no systemd", boot: bare, file: there,
			err: "the host can't be rebooted from within: it was not booted with systemd (/run/reboot-required exists)",
		},
		{name: "could not tell the boot", bootErr: errors.New("no /proc"), err: "ask how the host was booted: no /proc"},
		{name: "could not tell the file", boot: is, onErr: errors.New("stale file handle"), err: "look at /etc/x: stale file handle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			boots.Put(s, struct{}{}, test.boot, test.bootErr)
			observe.File.Put(s, observe.FileQuestion{Path: "/run/reboot-required"}, test.file, nil)
			observe.File.Put(s, observe.FileQuestion{Path: "/etc/x"}, test.on, test.onErr)
			news.Put(s, "/run/reboot-required", false, nil)
			news.Put(s, "/etc/x", false, nil)
			step := &Step{File: "/run/reboot-required", Kernel: test.kernel, On: []string{"/etc/x"}}
			moduletest.WantDiff(t, step, s, test.want, test.err)
		})
	}
}

// TestForeseen is a plan in which an earlier step does something that asks for a reboot, or may.
func TestForeseen(t *testing.T) {
	t.Parallel()
	step := &Step{File: "/run/reboot-required", Kernel: true, On: []string{"/etc/x"}}
	for name, test := range map[string]struct {
		foresee   func(*observe.Forecast)
		from, if_ string
	}{
		"nothing":      {foresee: func(*observe.Forecast) {}},
		"another file": {foresee: func(f *observe.Forecast) { f.Touch("/etc/y", nil) }},
		"the file":     {foresee: func(f *observe.Forecast) { f.Touch("/etc/x", nil) }, from: "/etc/x changes"},
		"a package": {
			foresee: func(f *observe.Forecast) { f.May(observe.Cause{Name: "package linux-image-amd64", Brings: true}) },
			if_:     "package linux-image-amd64 installs a kernel or package linux-image-amd64 changes /run/reboot-required or package linux-image-amd64 changes /etc/x",
		},
	} {
		s := observe.NewSnapshot()
		boots.Put(s, struct{}{}, boot{ID: "b 1", Began: time.Unix(1000, 0), Systemd: true, Runs: "6.1.0-1-amd64"}, nil)
		for _, p := range step.paths() {
			observe.File.Put(s, observe.FileQuestion{Path: p}, observe.FileInfo{}, nil)
			news.Put(s, p, false, nil)
		}
		test.foresee(s.Forecast())
		shown, _, err := modules.Preview(step, s)
		var want []modules.Edit
		if test.from+test.if_ != "" {
			want = []modules.Edit{{Action: modules.Run, Subject: "reboot", From: test.from, If: test.if_}}
		}
		if diff := cmp.Diff(want, shown.Edits); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{File: "/run/reboot-required", Kernel: true}
	for want, change := range map[string]func(*Args, *modules.Env){
		"": func(*Args, *modules.Env) {},
		`file: must be in /run, not "/etc/reboot"`:                                func(a *Args, _ *modules.Env) { a.File = "/etc/reboot" },
		`file: must be an absolute path, not "x"`:                                 func(a *Args, _ *modules.Env) { a.File = "x" },
		`reboot_on: must be an absolute path, not "grub"`:                         func(a *Args, _ *modules.Env) { a.RebootOn = modules.Files{"grub"} },
		"reboot_on: is required: nothing else would ask for a reboot":             func(a *Args, _ *modules.Env) { *a = Args{} },
		`host "me" is the machine that rcprov runs on, and is not rebooted by it`: func(_ *Args, e *modules.Env) { e.Local = true },
	} {
		args, env := valid, modules.Env{Host: "me"}
		change(&args, &env)
		if _, err := New(args, env); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}

// TestBootScript asks this machine, and not to reboot.
func TestBootScript(t *testing.T) {
	t.Parallel()
	var q observe.Query
	boots.Ask(&q, struct{}{})
	s, err := q.Run(t.Context(), &moduletest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	is, err := boots.Get(s, struct{}{})
	if err != nil || is.ID != here() || is.Began.After(time.Now()) {
		t.Errorf("%+v, %v; want the boot %q", is, err, here())
	}
	r, err := new(moduletest.Host).Run(t.Context(), modules.Command{Script: identify})
	if err != nil || strings.TrimSpace(string(r.Stdout)) != is.ID {
		t.Errorf("identify says %q, %v; want %q", r.Stdout, err, is.ID)
	}
	err = (&Step{}).Apply(t.Context(), fake{}, modules.Change{Work: work{Boot: is.ID}})
	if want := "this is the machine that rcprov runs on, which it doesn't reboot"; moduletest.ErrorText(err) != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// fake is a host that answers to logins as it is told, and to nothing else.
type fake struct {
	modules.Host
	logins *[]login
}

// login is how one login ends: err, or a boot.
type login struct {
	err  error
	boot string
}

func (fake) Name() string { return "web1" }

func (f fake) Reconnect(ctx context.Context, _ int) (modules.Connection, error) {
	if len(*f.logins) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	next := (*f.logins)[0]
	*f.logins = (*f.logins)[1:]
	return answering{boot: next.boot}, next.err
}

type answering struct {
	modules.Host
	boot string
}

func (a answering) Run(context.Context, modules.Command) (modules.Result, error) {
	return modules.Result{Stdout: []byte(a.boot + "\n")}, nil
}

func (answering) Close() error { return nil }

func TestBack(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("connection refused: %w", modules.ErrUnreachable)
	for name, test := range map[string]struct {
		logins []login
		err    string
	}{
		"back":       {logins: []login{{boot: "old"}, {err: refused}, {boot: "new"}}},
		"silent":     {err: "the host did not come back from its reboot within 0s (1 tries): context deadline exceeded"},
		"refused":    {logins: []login{{err: refused}}, err: "the host did not come back from its reboot within 0s (2 tries): connection refused: the host can't be reached"},
		"never went": {logins: []login{{boot: "old"}}, err: "the host was told to reboot, and is still up 0s later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := back(ctx, fake{logins: &test.logins}, "old", time.Millisecond)
			if moduletest.ErrorText(err) != test.err {
				t.Errorf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			if err != nil && (!errors.Is(err, modules.ErrSettled) || errors.Is(err, modules.ErrUnreachable) != (name != "never went")) {
				t.Errorf("%#v", err)
			}
		})
	}
}
