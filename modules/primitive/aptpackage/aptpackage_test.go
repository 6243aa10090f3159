package aptpackage

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	installed := observe.PackageInfo{Installed: true, Version: "2.10-3", Arch: "amd64"}
	edit := func(action modules.Action, field, from, to string) modules.Edit {
		return modules.Edit{Action: action, Subject: "package hello", Field: field, From: from, To: to}
	}
	hello := Package{Name: "hello"}
	stale := apt.StaleLists{
		Since: "2026-11-30 13:20 UTC", Why: []string{"Failed to fetch http://x/InRelease  Could not connect"}, Packages: []string{"sl", "hello"},
	}
	one := func(p packageWork) work { return work{Packages: []packageWork{p}} }
	tests := []struct {
		name    string
		version string
		step    Step
		is      observe.PackageInfo
		dpkg    apt.DpkgState
		stale   apt.StaleLists
		isErr   error
		dpkgErr error
		edits   []modules.Edit
		work    modules.Work
		notes   []string
		err     string
	}{
		{name: "converged", is: installed},
		{name: "converged, exact version", version: "2.10-3", is: installed},
		{name: "converged, beginning of a version", version: "2.*", is: installed},
		{
			name: "not there", edits: []modules.Edit{edit(modules.Create, "", "", "installed")},
			work: one(packageWork{Package: hello, Action: modules.Create}),
		},
		{name: "not there, version", version: "2.*", edits: []modules.Edit{edit(modules.Create, "", "", "2.*")}},
		{name: "removed, configuration left", is: observe.PackageInfo{ConfigFiles: true}, edits: []modules.Edit{edit(modules.Create, "", "", "installed")}},
		{
			name: "other version", version: "2.12-1", is: installed, edits: []modules.Edit{edit(modules.Update, "version", "2.10-3", "2.12-1")},
			work: one(packageWork{Package: Package{"hello", "2.12-1"}, Seen: installed, Action: modules.Update}),
		},
		{name: "other beginning", version: "2.1.*", is: installed, edits: []modules.Edit{edit(modules.Update, "version", "2.10-3", "2.1.*")}},
		{
			name: "to be held", step: Step{Held: &yes}, is: installed, edits: []modules.Edit{edit(modules.Update, "held", "no", "yes")},
			work: one(packageWork{Package: hello, Seen: installed, Held: &yes}),
		},
		{
			name: "to be installed and held", step: Step{Held: &yes},
			edits: []modules.Edit{edit(modules.Create, "", "", "installed"), edit(modules.Update, "held", "no", "yes")},
			work:  one(packageWork{Package: hello, Action: modules.Create, Held: &yes}),
		},
		{
			name: "not to be held", step: Step{Held: &no}, is: observe.PackageInfo{Installed: true, Version: "1", Held: true},
			edits: []modules.Edit{edit(modules.Update, "held", "yes", "no")},
		},
		{name: "held by an admin", is: observe.PackageInfo{Installed: true, Version: "1", Held: true}},
		{name: "absent, converged", step: Step{Absent: true}},
		{name: "absent, configuration left", step: Step{Absent: true}, is: observe.PackageInfo{ConfigFiles: true}},
		{
			name: "absent, there", step: Step{Absent: true}, is: installed, edits: []modules.Edit{edit(modules.Remove, "", "2.10-3", "")},
			work: one(packageWork{Package: hello, Seen: installed, Action: modules.Remove}),
		},
		{
			name: "purge", step: Step{Absent: true, Purge: true}, is: observe.PackageInfo{ConfigFiles: true},
			edits: []modules.Edit{edit(modules.Remove, "purge", "configuration files", "")},
		},
		{
			name: "interrupted elsewhere", dpkg: apt.DpkgState{Unfinished: []string{"man-db"}},
			edits: []modules.Edit{
				{Action: modules.Run, Subject: "dpkg", From: "interrupted (man-db)", To: "all packages configured"},
				edit(modules.Create, "", "", "installed"),
			},
			work: work{Repair: &apt.DpkgState{Unfinished: []string{"man-db"}}, Packages: []packageWork{{Package: hello, Action: modules.Create}}},
		},
		{name: "interrupted elsewhere, nothing to do here", is: installed, dpkg: apt.DpkgState{Unfinished: []string{"man-db"}}},
		{
			name: "waits for triggers", is: observe.PackageInfo{Installed: true, Version: "1", Broken: true}, dpkg: apt.DpkgState{Unfinished: []string{"hello"}},
			edits: []modules.Edit{{Action: modules.Run, Subject: "dpkg", From: "interrupted (hello)", To: "all packages configured"}},
		},
		{
			name: "half configured, to be removed", step: Step{Absent: true}, is: observe.PackageInfo{Version: "1", Broken: true},
			dpkg: apt.DpkgState{Unfinished: []string{"hello"}}, edits: []modules.Edit{edit(modules.Remove, "", "1", "")},
		},
		{
			name: "half configured, to be removed, with others", step: Step{Absent: true}, is: observe.PackageInfo{Version: "1", Broken: true},
			dpkg: apt.DpkgState{Unfinished: []string{"hello", "man-db"}},
			edits: []modules.Edit{
				{Action: modules.Run, Subject: "dpkg", From: "interrupted (man-db)", To: "all packages configured"},
				edit(modules.Remove, "", "1", ""),
			},
		},
		{
			name: "installed automatically", is: observe.PackageInfo{Installed: true, Version: "1", Auto: true},
			edits: []modules.Edit{edit(modules.Update, "mark", "auto", "manual")},
		},
		{
			name: "installed automatically, to be removed", step: Step{Absent: true}, is: observe.PackageInfo{Installed: true, Version: "1", Auto: true},
			edits: []modules.Edit{edit(modules.Remove, "", "1", "")},
		},
		{
			name: "interrupted here", is: observe.PackageInfo{Version: "2.10-3", Broken: true},
			dpkg: apt.DpkgState{Unfinished: []string{"hello"}, Journal: true},
			edits: []modules.Edit{
				{Action: modules.Run, Subject: "dpkg", From: "interrupted (hello)", To: "all packages configured"},
				edit(modules.Update, "", "2.10-3, not fully installed", "installed"),
			},
		},
		{
			name: "installed from previous lists", is: installed, stale: stale,
			notes: []string{"hello may be an old version: apt could not fetch all package lists (2026-11-30 13:20 UTC): Failed to fetch http://x/InRelease  Could not connect"},
		},
		{name: "others installed from previous lists", is: installed, stale: apt.StaleLists{Since: stale.Since, Why: stale.Why, Packages: []string{"sl"}}},
		{
			name: "removed after it was installed from previous lists", stale: stale,
			edits: []modules.Edit{edit(modules.Create, "", "", "installed")},
		},
		{name: "another dpkg at work", is: installed, dpkg: apt.DpkgState{Unfinished: []string{"man-db"}, Locked: true}},
		{name: "could not tell the package", isErr: errors.New("dpkg-query: no database"), err: "package hello: dpkg-query: no database"},
		{name: "could not tell dpkg's state", dpkgErr: errors.New("no database"), err: "no database"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step := test.step
			step.Packages = []Package{{"hello", test.version}}
			snapshot := observe.NewSnapshot()
			apt.Dpkg.Put(snapshot, struct{}{}, test.dpkg, test.dpkgErr)
			apt.Stale.Put(snapshot, struct{}{}, test.stale, nil)
			observe.Package.Put(snapshot, "hello", test.is, test.isErr)
			change := moduletest.WantDiff(t, &step, snapshot, test.edits, test.err)
			moduletest.WantWork(t, test.work, change)
			if diff := cmp.Diff(test.notes, change.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	yes := true
	tests := []struct {
		args Args
		want string
	}{
		{Args{Packages: []string{"nginx", "g++", "libc6:i386", "nodejs=22.*", "xz=1:2.0~rc1-1+b2"}}, ""},
		{Args{}, "packages: must name at least one package"},
		{Args{Packages: []string{"-oDebug=1"}}, `packages: "-oDebug" is not the name of a package`},
		{Args{Packages: []string{"nginx-"}}, `packages: "nginx-" is not the name of a package`},
		{Args{Packages: []string{"ng*"}}, `packages: "ng*" is not the name of a package`},
		{Args{Packages: []string{"nginx/sid"}}, `packages: "nginx/sid" is not the name of a package`},
		{Args{Packages: []string{"nginx="}}, `packages: "" is not a version (of nginx), such as "1.22.1-9" or "1.22.*"`},
		{Args{Packages: []string{"nginx=1*2"}}, `packages: "1*2" is not a version (of nginx), such as "1.22.1-9" or "1.22.*"`},
		{Args{Packages: []string{"sl", "sl=5"}}, `packages: "sl" is listed twice`},
		{Args{Packages: []string{"sl=5"}, State: "absent"}, `packages: "sl=5" has a version, which conflicts with state = "absent"`},
		{Args{Packages: []string{"sl"}, State: "absent", Held: &yes}, `held: conflicts with state = "absent"`},
		{Args{Packages: []string{"sl"}, Purge: true}, `purge: requires state = "absent"`},
		{Args{Packages: []string{"sl"}, UpdateCache: "daily"}, `update_cache: must be a duration such as "24h" or "30m", not "daily"`},
	}
	for _, test := range tests {
		if test.args.UpdateCache == "" {
			test.args.UpdateCache = "24h"
		}
		_, err := New(test.args, modules.Env{})
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("New(%q): error %q, want %q", test.args.Packages, got, test.want)
		}
	}
}

// TestTransactions: what goes into one call of apt-get.
func TestTransactions(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	task := func(s Step, is observe.PackageInfo, names ...string) modules.Task {
		snapshot := observe.NewSnapshot()
		apt.Dpkg.Put(snapshot, struct{}{}, apt.DpkgState{}, nil)
		apt.Stale.Put(snapshot, struct{}{}, apt.StaleLists{}, nil)
		for _, name := range names {
			name, version, _ := strings.Cut(name, "=")
			s.Packages = append(s.Packages, Package{name, version})
			observe.Package.Put(snapshot, name, is, nil)
		}
		c, err := s.Diff(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		return modules.Task{Step: &s, Change: c}
	}
	installed := observe.PackageInfo{Installed: true, Version: "1"}
	var got []string
	for _, x := range transactions([]modules.Task{
		task(Step{}, observe.PackageInfo{}, "a", "b=2.*"),
		task(Step{Held: &yes}, installed, "c=2", "d"),
		task(Step{Held: &no}, observe.PackageInfo{Installed: true, Version: "1", Held: true}, "e"),
		task(Step{Recommends: true, Downgrade: true}, observe.PackageInfo{}, "f"),
		task(Step{Absent: true}, installed, "g", "h"),
		task(Step{Absent: true, Purge: true}, installed, "i"),
	}) {
		got = append(got, strings.Join(x.args(), " ")+"; hold "+strings.Join(x.hold, " ")+"; unhold "+strings.Join(x.unhold, " "))
	}
	want := []string{
		"--no-remove --no-install-recommends install a b=2.* c=2; hold c d; unhold e",
		"--no-remove --install-recommends --allow-downgrades install f; hold ; unhold ",
		"remove g h; hold ; unhold ",
		"purge i; hold ; unhold ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	install := transaction{packages: []Package{{"nginx", ""}, {"libc6:i386", ""}}}
	remove := transaction{packages: []Package{{"nginx", ""}}, mode: mode{absent: true}}
	tests := []struct {
		name       string
		t          transaction
		simulation apt.Simulation
		held       []string
		err        string
	}{
		{"dependencies", install, apt.Simulation{Install: []string{"nginx", "libc6:i386", "libpcre3"}}, nil, ""},
		{"own hold", install, apt.Simulation{Install: []string{"nginx"}, Held: []string{"nginx", "x"}}, []string{"nginx"}, ""},
		{"other's hold", install, apt.Simulation{Install: []string{"nginx", "libssl3"}, Held: []string{"libssl3"}}, nil, "apt-get would also change libssl3, on hold on the host"},
		{"removal", remove, apt.Simulation{Remove: []string{"nginx"}}, nil, ""},
		{"more removed", remove, apt.Simulation{Remove: []string{"nginx", "nginx-extras"}}, nil, "apt-get would also remove nginx-extras"},
		{"replaced", remove, apt.Simulation{Remove: []string{"nginx"}, Install: []string{"apache2"}}, nil, "apt-get would install apache2 to replace what is removed"},
	}
	for _, test := range tests {
		held, err := test.t.check(test.simulation)
		if !slices.Equal(held, test.held) || moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: %q, %q; want %q, %q", test.name, held, moduletest.ErrorText(err), test.held, test.err)
		}
	}
}

// TestVirtual: a name that apt-get silently exchanges for another one.
func TestVirtual(t *testing.T) {
	t.Parallel()
	x := transaction{create: []string{"default-mta"}}
	err := x.checkVirtual(t.Context(), &moduletest.Host{}, apt.Simulation{Install: []string{"exim4-daemon-light"}})
	if want := `"default-mta" is a virtual package: apt-get would install another package in its place`; moduletest.ErrorText(err) != want {
		t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
	}
	if err := x.checkVirtual(t.Context(), nil, apt.Simulation{Install: []string{"default-mta"}}); err != nil {
		t.Error(err)
	}
}

func TestExplainRemoval(t *testing.T) {
	t.Parallel()
	// As apt 2.6 says it, and package apt keeps it.
	err := new(transaction).explain(&apt.Error{Lines: []string{
		"The following packages will be REMOVED:", "  libpam-systemd systemd-sysv", "  x", "Packages need to be removed but remove is disabled.",
	}})
	if got, want := moduletest.ErrorText(err), "apt-get would also remove libpam-systemd, systemd-sysv, x"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestExplainHints is about errors whose reason is elsewhere than the line in the plan.
func TestExplainHints(t *testing.T) {
	t.Parallel()
	const warning = "GPG error: http://x/repo ./ InRelease: NO_PUBKEY 4022EDE2FE30229A"
	for name, test := range map[string]struct {
		warnings, lines []string
		text, hint      string
	}{
		"a list that was not updated": {
			[]string{warning},
			[]string{"Unable to locate package new"},
			"apt-get: Unable to locate package new\nand apt-get update warned: " + warning, "previous lists",
		},
		"lists are new":           {nil, []string{"Unable to locate package new"}, "apt-get: Unable to locate package new", "apt-cache policy NAME"},
		"somebody broke dpkg":     {nil, []string{" jq : Depends: libjq1 (= 1.6) but it is not going to be installed", "Unmet dependencies. Try 'apt --fix-broken install'"}, "jq on the host lacks what it depends on: apt-get:  jq : Depends", "`apt-get install libjq1` on the host"},
		"sources that contradict": {nil, []string{"Conflicting values set for option Signed-By"}, "apt-get: Conflicting values", "Remove one of them"},
	} {
		err := (&transaction{warnings: test.warnings}).explain(&apt.Error{Lines: test.lines})
		var hint *modules.HintError
		if !errors.As(err, &hint) || !strings.HasPrefix(err.Error(), test.text) || !strings.Contains(hint.Hint, test.hint) {
			t.Errorf("%s: %v; want %q with %q", name, err, test.text, test.hint)
		}
	}
}

// TestForesee has two steps of a plan: what the first one is going to do, the second may find done.
func TestForesee(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		second Package
		is     observe.PackageInfo
		dpkg   apt.DpkgState
		edits  []string // of the second
	}{
		{name: "the same package", second: Package{Name: "hello"}, edits: []string{"create package hello > installed unless an earlier step installs it"}},
		{
			name: "the same package in a version", second: Package{Name: "hello", Version: "2.10-3"},
			edits: []string{"create package hello > 2.10-3 or changed if an earlier step installs it"},
		},
		{name: "another package", second: Package{Name: "other"}, edits: []string{"create package other > installed"}},
		{
			name: "dpkg interrupted", second: Package{Name: "other"},
			is: observe.PackageInfo{Version: "1", Broken: true}, dpkg: apt.DpkgState{Unfinished: []string{"other"}},
			edits: []string{
				"run dpkg interrupted (other) > all packages configured unless an earlier step does it or an earlier step installs it",
				"update package other 1, not fully installed > installed unless an earlier step installs it",
			},
		},
	}
	for _, test := range tests {
		s := observe.NewSnapshot()
		apt.Dpkg.Put(s, struct{}{}, test.dpkg, nil)
		apt.Stale.Put(s, struct{}{}, apt.StaleLists{}, nil)
		for _, name := range []string{"hello", "other"} {
			observe.Package.Put(s, name, observe.PackageInfo{}, nil)
		}
		observe.Package.Put(s, test.second.Name, test.is, nil)
		first, second := &Step{Packages: []Package{{Name: "hello"}}}, &Step{Packages: []Package{test.second}}
		t.Run(test.name, func(t *testing.T) { moduletest.WantForeseen(t, s, first, second, test.edits) })
	}
}
