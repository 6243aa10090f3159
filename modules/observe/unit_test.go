package observe

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// recordedUnit reads what a host printed.
func recordedUnit(t testing.TB, name string) Reply {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var reply Reply
	for _, f := range archive.Files {
		switch f.Name {
		case "stdout":
			reply.Stdout = f.Data
		case "stderr":
			reply.Stderr = f.Data
		}
	}
	return reply
}

// recordedUnits are the questions that testdata/unit-debian*.txtar answer.
var recordedUnits = []UnitQuestion{
	{Name: "sshd.service", Watch: WatchList([]string{"/etc/ssh/sshd_config", "/etc/rec-link", "/nope"})},
	{Name: "nope.service"},
	{Name: "systemd-firstboot.service"},
	{Name: "apt-daily.timer"},
	{Name: "recbad.service"},
	{Name: "recfail.service"},
	{Name: "rec.service", Watch: WatchList([]string{"/etc/rec.conf", "/etc/rec-same.conf", "/opt/rec"})},
}

func TestParseUnits(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"unit-debian12.txtar", "unit-debian13.txtar"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			answers := parseUnits(recordedUnits, recordedUnit(t, host))
			units := make(map[string]UnitInfo)
			for _, q := range recordedUnits {
				a, ok := answers[q]
				if !ok || a.Err != nil {
					t.Fatalf("%s: no answer: %v", q.Name, a.Err)
				}
				units[q.Name] = a.Value
			}
			type state struct {
				ID     string
				Load   LoadState
				Active string
				File   UnitFileState
				Result string
				Status int
			}
			want := map[string]state{
				"sshd.service":              {"ssh.service", Loaded, "active (running)", Enabled, "success", 0},
				"nope.service":              {"nope.service", NotFound, "inactive (dead)", "", "success", 0},
				"systemd-firstboot.service": {"systemd-firstboot.service", MaskedLoad, "inactive (dead)", Masked, "success", 0},
				"apt-daily.timer":           {"apt-daily.timer", Loaded, "inactive (dead)", Disabled, "success", 0},
				"recbad.service":            {"recbad.service", BadSetting, "inactive (dead)", Static, "success", 0},
				"recfail.service":           {"recfail.service", Loaded, "failed", Static, "exit-code", 3},
				"rec.service":               {"rec.service", Loaded, "active (running)", Static, "success", 0},
			}
			got := make(map[string]state)
			for name, u := range units {
				got[name] = state{u.ID, u.Load, u.State(), u.FileState, u.Result, u.ExitStatus}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			if got, want := units["recbad.service"].LoadError, "Unit recbad.service has a bad unit file setting."; got != want {
				t.Errorf("load error %q, want %q", got, want)
			}
			checkRecordedFiles(t, units)
		})
	}
}

// checkRecordedFiles checks what is known of files, of two units.
func checkRecordedFiles(t *testing.T, units map[string]UnitInfo) {
	t.Helper()
	ssh, rec := units["sshd.service"], units["rec.service"]
	if ssh.InvocationID == "" || !ssh.CanReload || ssh.NeedDaemonReload || ssh.Started.IsZero() || ssh.StateChanged.Before(ssh.Started) {
		t.Errorf("ssh: %+v", ssh)
	}
	if rec.ReplacedProgram != "/usr/local/bin/recsleep" || !rec.NeedDaemonReload || rec.Stamp.InvocationID != rec.InvocationID {
		t.Errorf("rec: %+v", rec)
	}
	if got := ssh.Files["/etc/rec-link"].Target; got != "/etc/rec.conf" {
		t.Errorf("the link leads to %q", got)
	}
	fingerprints := make(map[string]string)
	for _, u := range []UnitInfo{ssh, rec} {
		for path, f := range u.Files {
			if f.Err != nil {
				t.Errorf("%s: %v", path, f.Err)
			}
			if !strings.Contains(path, "/ssh.service") { // differs between the hosts
				fingerprints[path] = f.Fingerprint
			}
		}
	}
	want := map[string]string{
		"/etc/ssh/sshd_config": "", // not in any stamp: ctime decides
		"/etc/rec-link":        "",
		"/nope":                "absent",
		// In the stamp with this ctime.
		"/etc/rec-same.conf": "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f",
		// In the stamp with another one.
		"/etc/rec.conf":                   "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7",
		"/etc/systemd/system/rec.service": "6bd747352df6247cf8489e32df73e308d8d4a3b9fec12029561f3415c5ceade7",
		"/opt/rec":                        "->rec-1",
	}
	if diff := cmp.Diff(want, fingerprints); diff != "" {
		t.Errorf("fingerprints (-want +got):\n%s", diff)
	}
}

func TestParseUnitsCouldNotTell(t *testing.T) {
	t.Parallel()
	const noSystemd = "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n"
	var q Query
	Unit.Ask(&q, UnitQuestion{Name: "ssh.service"})
	snapshot, err := q.Parse("m", []byte("\n\n\nm 0 said\n"+noSystemd+"\nm 0 0\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unit.Get(snapshot, UnitQuestion{Name: "ssh.service"}); err == nil || err.Error() != strings.TrimSpace(noSystemd) {
		t.Errorf("error %v", err)
	}
}

func TestParseUnitsBadProperties(t *testing.T) {
	t.Parallel()
	const twice = "systemctl answered twice, and not the same: a property of a unit has a newline"
	for _, test := range []struct{ stdout, want string }{
		{"Id=a.service\n", "systemctl said neither whether it is loaded nor whether it is active"},
		{"Id=a.service\nLoadState=loaded\nActiveState=failed\nWorkingDirectory=/tmp/x\nActiveState=active\n", twice},
		{"Id=b.service\nLoadState=loaded\nActiveState=active\nWorkingDirectory=/tmp/x\n\nId=a.service\nLoadState=loaded\nActiveState=active\n\n" +
			"Id=a.service\nLoadState=loaded\nActiveState=failed\n", twice},
		{"Id=a.service\nLoadState=loaded\nActiveState=active\nMainPID=x\n", `systemctl answered MainPID="x"`},
		{"Id=a.service\nLoadState=loaded\nActiveState=active\nStateChangeTimestamp=@12\n", `systemctl answered StateChangeTimestamp="@12"`},
	} {
		q := UnitQuestion{Name: "a.service"}
		a := parseUnits([]UnitQuestion{q}, Reply{Stdout: []byte(test.stdout)})[q]
		if a.Err == nil || a.Err.Error() != test.want {
			t.Errorf("%q: error %v, want %q", test.stdout, a.Err, test.want)
		}
	}
}

func TestStampText(t *testing.T) {
	t.Parallel()
	stamp := Stamp{
		InvocationID: "9f8202fc", StateChanged: time.Date(2026, 11, 21, 12, 0, 6, 889162000, time.UTC),
		Files: map[string]StampedFile{
			"/etc/a b.conf":                      {CTime: "1795262406.1000000000", Fingerprint: "00"},
			`/etc/systemd/system/a\x2db.service`: {Own: true, CTime: "1795262406.2000000000", Fingerprint: "01"},
			"/etc/gone":                          {CTime: "-", Fingerprint: "absent"},
		},
	}
	var lines watchedLines
	for line := range strings.Lines(stamp.Text("a.service")) {
		if !lines.add(strings.TrimSuffix(line, "\n")) {
			t.Errorf("not understood: %q", line)
		}
	}
	if diff := cmp.Diff(stamp, lines.stamps["a.service"]); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
}

func FuzzParseUnits(f *testing.F) {
	f.Add(recordedUnit(f, "unit-debian12.txtar").Stdout)
	f.Add(recordedUnit(f, "unit-debian13.txtar").Stdout)
	f.Fuzz(func(t *testing.T, stdout []byte) {
		for q, a := range parseUnits(recordedUnits, Reply{Stdout: stdout}) {
			if a.Err == nil && (a.Value.Load == "" || a.Value.Active == "") {
				t.Errorf("%s: neither answer nor error: %+v", q.Name, a.Value)
			}
		}
	})
}

func TestParseUnitStates(t *testing.T) {
	t.Parallel()
	const stdout = "linked\tc.service\nenabled\ta.service\tdisabled\nnow\t1790000012\n" +
		"Id=a.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=3\n" +
		"InactiveExitTimestamp=Mon 2026-09-21 14:13:22.700000 UTC\n\n" +
		"Id=b.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=0\n\n" +
		"Id=c.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
	a, b, c := UnitQuestion{Name: "a.service"}, UnitQuestion{Name: "b.service"}, UnitQuestion{Name: "c.service"}
	answers := parseUnits([]UnitQuestion{a, b, c}, Reply{Stdout: []byte(stdout)})
	if got := answers[a].Value; got.FileState != Disabled || got.Restarted != 10*time.Second {
		t.Errorf("a: %+v", got)
	}
	if got := answers[c].Value; got.FileState != "" || !got.Linked {
		t.Errorf("c: %+v", got)
	}
	if got := answers[b].Value; got.Linked || got.FileState != Enabled || got.Restarted != 0 {
		t.Errorf("b: %+v", got)
	}
}

// TestUnitAskedOnce has two steps of one unit: systemctl is asked once, or it could answer twice, and not the same.
func TestUnitAskedOnce(t *testing.T) {
	t.Parallel()
	script := unitScript([]UnitQuestion{{Name: "nginx.service", Watch: "/etc/a"}, {Name: "nginx.service", Watch: "/etc/b"}, {Name: "cron.service"}})
	if n := strings.Count(script, StampPath("nginx.service")); n != 1 {
		t.Errorf("asked %d times:\n%s", n, script)
	}
	for _, text := range []string{"/etc/a", "/etc/b", StampPath("cron.service")} {
		if !strings.Contains(script, text) {
			t.Errorf("doesn't ask about %s:\n%s", text, script)
		}
	}
}
