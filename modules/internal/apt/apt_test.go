package apt

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// replies returns the recorded replies in testdata/dir: per file its sections by name.
func replies(t testing.TB, dir string) map[string]map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recorded replies in testdata/%s: %v", dir, err)
	}
	all := make(map[string]map[string]string)
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sections := make(map[string]string)
		for _, f := range archive.Files {
			sections[f.Name] = string(f.Data)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".txtar")] = sections
	}
	return all
}

func failure(stdout, stderr string) *Error {
	c := modules.Command{Argv: []string{"apt-get"}}
	return newError(modules.NewCommandError(c, modules.Result{Stdout: []byte(stdout), Stderr: []byte(stderr), Status: 100}))
}

// TestErrors compares what is left of recorded outputs with their section "want": the error as people read it, and
// what the modules decide on.
func TestErrors(t *testing.T) {
	t.Parallel()
	for name, sections := range replies(t, "errors") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := failure(sections["stdout"], sections["stderr"])
			got := e.Error() + "\n"
			if e.Unknown() {
				got += "unknown\n"
			}
			if e.Broken() {
				packages, missing := e.Lacks()
				got += strings.Join(packages, " ") + " lacks " + strings.Join(missing, " ") + "\n"
			}
			if e.Locked() {
				got += "locked by " + e.holder() + "\n"
			}
			if diff := cmp.Diff(sections["want"], got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorWithoutComplaint(t *testing.T) {
	t.Parallel()
	if got, want := failure("", "sh: 1: apt-get: not found").Error(), "apt-get: apt-get: sh: 1: apt-get: not found (exit status 100)"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

// TestLacks has lines of apt 2.6.
func TestLacks(t *testing.T) {
	t.Parallel()
	e := &Error{Lines: []string{
		"The following packages have unmet dependencies:",
		" jitsi-meet-prosody : Depends: lua-sec but it is not installed", "                      Depends: prosody (>= 0.12.0) but it is not going to be installed or",
		"                      PreDepends: lua-cjson but it is not going to be installed", " jq : Depends: libjq1 (= 1.6) but 1.5 is to be installed",
	}}
	packages, missing := e.Lacks()
	if diff := cmp.Diff([][]string{{"jitsi-meet-prosody"}, {"lua-sec", "lua-cjson"}}, [][]string{packages, missing}); diff != "" {
		t.Error(diff)
	}
}

// TestWarnings has what apt-get update of Debian 12 said, with status 0, of a repository signed with its vendor's next key.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const (
		verify = "An error occurred during the signature verification. The repository is not updated and the previous index files will be used. " +
			"GPG error: http://x/repo ./ InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 4022EDE2FE30229A"
		fetch = "Failed to fetch http://x/repo/./InRelease  The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 4022EDE2FE30229A"
	)
	got := findComplaints([]byte("W: "+verify+"\nW: "+fetch+"\nW: "+fetch+"\nN: x\nW: Some index files failed to download. They have been ignored, or old ones used instead.\n"), "W: ")
	if diff := cmp.Diff([]string{verify, fetch}, got); diff != "" {
		t.Error(diff)
	}
}

// TestUpdateSome checks that lists are as old as before when apt-get has fetched some of them, whether it succeeds or not.
func TestUpdateSome(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before string // done in the directory
		status int
		want   string // times of the lists and of the stamp
	}{
		"never fetched":      {"true", 0, "0 -"},
		"never, and failed":  {"true", 100, "0 -"},
		"fetched":            {"echo >lists/a_Packages.lz4; touch -d @1000 lists", 0, "1000 -"},
		"fetched, as Ubuntu": {"echo >lists/a_Packages; touch -d @1000 lists; touch -d @2000 stamp", 100, "1000 2000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const script = `cd "$1"; mkdir lists; eval "$2"; export STATUS="$3"
sh -euc "$4" || [ $? = "$STATUS" ]
test -e lists/b_Packages
echo "$(stat -c %Y lists) $(stat -c %Y stamp 2>/dev/null || echo -)"`
			update := shell.Script(updateSomeScript, shell.Vars{
				"lists": "lists", "stamp": "stamp", "update": "sh -c 'echo >lists/b_Packages; touch stamp; exit $STATUS'",
			})
			out, err := exec.Command("sh", "-euc", script, "test", t.TempDir(), test.before, strconv.Itoa(test.status), update).CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestParseKnown(t *testing.T) {
	t.Parallel()
	// apt 2.6. A virtual package has no lines; sources are not what is installed.
	got := parseKnown("" +
		"     nginx | 1.22.1-9+deb12u11 | http://security.debian.org/debian-security bookworm-security/main amd64 Packages\n" +
		"     nginx | 1.22.1-9+deb12u9 | http://deb.debian.org/debian bookworm/main amd64 Packages\n" +
		"ca-certificates | 20250419~deb12u2 | http://security.debian.org/debian-security bookworm-security/main amd64 Packages\n" +
		"     hello |   2.10-3 | http://deb.debian.org/debian bookworm/main Sources\n")
	if want := map[string]bool{"nginx": true, "ca-certificates": true}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSimulations(t *testing.T) {
	t.Parallel()
	for name, sections := range replies(t, "simulations") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parseSimulation(sections["stdout"])
			got := "install " + strings.Join(s.Install, " ") + "\nremove " + strings.Join(s.Remove, " ") + "\nheld " + strings.Join(s.Held, " ") + "\n"
			if diff := cmp.Diff(sections["want"], got); diff != "" {
				t.Errorf("simulation (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzOutput(f *testing.F) {
	for _, dir := range []string{"errors", "simulations"} {
		for _, sections := range replies(f, dir) {
			f.Add(sections["stdout"], sections["stderr"])
		}
	}
	f.Fuzz(func(t *testing.T, stdout, stderr string) {
		e := failure(stdout, stderr)
		if len(e.Lines) == 0 {
			t.Error("an error without words")
		}
		e.Locked()
		if e.holder() == "" {
			t.Error("a lock without a holder")
		}
		parseSimulation(stdout)
		progress(stdout)
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"Unpacking hello (2.10-3) ...":                       "Unpacking hello (2.10-3)",
		"(Reading database ... \r(Reading database ... 5%\r": "(Reading database ... 5%",
		"Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 123 (unattended-upgr)... 1s": "waiting for unattended-upgr (pid 123)",
	} {
		if got := progress(line); got != want {
			t.Errorf("progress(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestParseDpkg(t *testing.T) {
	t.Parallel()
	parse := func(stdout, stderr string, status int) observe.Answer[DpkgState] {
		reply := observe.Reply{Stdout: []byte(stdout), Stderr: []byte(stderr), Status: status}
		return Dpkg.Parse([]struct{}{{}}, reply)[struct{}{}]
	}
	// The form is that of Debian 12 after dpkg was killed: "--" is grep's, Essential may stand before Status.
	const killed = `Journal
Package: slowconf
Status: install ok half-configured
--

Package: base-x
Essential: yes
Status: install reinstreq half-installed
`
	tests := []struct {
		name        string
		stdout      string
		want        DpkgState
		interrupted bool
	}{
		{"at rest", "", DpkgState{}, false},
		{"killed", killed, DpkgState{Unfinished: []string{"slowconf", "base-x"}, Journal: true}, true},
		{"at work", "Locked\n" + killed, DpkgState{Unfinished: []string{"slowconf", "base-x"}, Journal: true, Locked: true}, false},
	}
	for _, test := range tests {
		got := parse(test.stdout, "", 0)
		if diff := cmp.Diff(test.want, got.Value); diff != "" || got.Err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, got.Err, diff)
		}
		if got.Value.Interrupted() != test.interrupted {
			t.Errorf("%s: interrupted is %v", test.name, got.Value.Interrupted())
		}
	}
	if a := parse("", "sh: 2: cd: can't cd to /var/lib/dpkg\n", 1); a.Err == nil || a.Err.Error() != "dpkg's database: sh: 2: cd: can't cd to /var/lib/dpkg" {
		t.Errorf("without a database: %v", a.Err)
	}
}

func FuzzParseDpkg(f *testing.F) {
	f.Add("Journal\nPackage: a\nStatus: install ok unpacked\n")
	f.Fuzz(func(_ *testing.T, stdout string) { parseDpkg(strings.Split(stdout, "\n")) })
}

// TestNeedsUpdate runs the script on this machine, where apt's files may not be there at all: it must answer all the same.
func TestNeedsUpdate(t *testing.T) {
	t.Parallel()
	script := shell.Script(ageScript, shell.Vars{"minutes": "0", "failed": "/nonexistent"})
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		r, err := host.Run(t.Context(), modules.Command{Script: script})
		if err != nil || !strings.HasSuffix(string(r.Stdout), "update\n") {
			t.Errorf("%q, %v", r.Stdout, err)
		}
	})
}

// TestStale runs the scripts around an apt-get of the test: what it could not fetch is noted until it is fetched.
func TestStale(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	failed, lists := filepath.Join(dir, "failed"), filepath.Join(dir, "lists")
	if err := os.Mkdir(lists, 0o700); err != nil {
		t.Fatal(err)
	}
	h := &moduletest.Host{}
	run := func(script string, vars shell.Vars, status int) string {
		t.Helper()
		r, err := h.Run(t.Context(), modules.Command{Script: shell.Script(script, vars)})
		if r.Status != status {
			t.Fatalf("%v, want status %d", err, status)
		}
		return string(r.Stdout) + string(r.Stderr)
	}
	update := func(status int, complaints ...string) {
		t.Helper()
		fake := "sh -c 'echo Hit; [ $# = 0 ] || printf \"%s\\n\" \"$@\" >&2; exit $0' " + strconv.Itoa(status) + " " + shell.QuoteAll(complaints)
		out := run(updateScript, shell.Vars{"update": fake, "failed": failed, "lists": lists}, status)
		if want := strings.Join(append([]string{"Hit"}, complaints...), "\n") + "\n"; out != want {
			t.Errorf("update printed %q, want %q", out, want)
		}
	}
	install := func(apt string, names ...string) {
		t.Helper()
		run(transactionScript, shell.Vars{
			"apt_get": apt, "hold": "", "unhold": "", "manual": "", "names": shell.QuoteAll(names), "failed": failed, "remove": "",
		}, 0)
	}
	want := func(when string, why []string, packages ...string) {
		t.Helper()
		got := parseStale(strings.Split(run(staleScript, shell.Vars{"failed": failed, "lists": lists}, 0), "\n"))
		if !slices.Equal(got.Why, why) || !slices.Equal(got.Packages, packages) || (got.Since == "") != (why == nil) {
			t.Errorf("%s: %+v, want %q, %q", when, got, why, packages)
		}
	}
	const (
		some    = "W: Some index files failed to download. They have been ignored, or old ones used instead."
		refused = "Failed to fetch http://x/r/./InRelease  Could not connect to x (connection refused)"
		other   = "Failed to fetch https://y/debian/dists/stable/InRelease  Temporary failure resolving 'y'"
	)
	update(0, "W: http://x/r/./InRelease: Key is stored in legacy trusted.gpg keyring")
	install("true", "fine")
	want("a warning about something else", nil)

	update(0, "W: "+refused, "W: "+other, some)
	want("before something is installed", []string{refused, other})
	install("true", "hello", "sl")
	install("true", "hello")
	want("installed", []string{refused, other}, "hello", "sl")

	time.Sleep(10 * time.Millisecond) // more than one tick of the clock of file systems
	if err := os.WriteFile(filepath.Join(lists, "x_r_._Release"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want("one of them fetched since", []string{refused, other}, "hello", "sl")
	if err := os.WriteFile(filepath.Join(lists, "y_debian_dists_stable_InRelease"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want("all of them fetched since", nil)

	update(100, "E: The repository 'http://x/r ./ Release' does not have a Release file.")
	want("fails for good", []string{"The repository 'http://x/r ./ Release' does not have a Release file."}, "hello", "sl")
	update(100, "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)")
	want("another one at work", []string{"The repository 'http://x/r ./ Release' does not have a Release file."}, "hello", "sl")
	update(0)
	want("fetched again", nil)
	if err := os.WriteFile(failed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want("an empty note", nil)
}
