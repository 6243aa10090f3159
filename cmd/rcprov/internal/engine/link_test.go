package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// failing is threeThings, the second of which goes wrong in a way.
func failing(how string) string {
	return strings.Replace(threeThings, `name  = "y"`, fmt.Sprintf("name = \"y\"\n fail = %q", how), 1)
}

// written is what host's journal says of step: "begun changed".
func (l *lab) written(host, step string) string {
	var what []string
	for _, line := range l.conns[host].journal {
		if !strings.Contains(line, `"step":"`+step+`"`) {
			continue
		}
		for _, word := range []string{Begun, Changed, Failed} {
			if strings.Contains(line, `"what":"`+word+`"`) {
				what = append(what, word)
			}
		}
	}
	return strings.Join(what, " ")
}

// TestConnectionLost has connections that break in the second of three steps: the run ends as if they had not.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, fail string
		cutAt      int // the question at which the connection breaks: the one that verifies y is the fourth
		breaks     int
		journal    string
	}{
		{name: "before the change", fail: "cut before", breaks: 1, journal: "begun failed begun changed"},
		{name: "after the change", fail: "cut after", breaks: 1, journal: "begun changed"},
		{name: "when it is verified", cutAt: 4, breaks: 1, journal: "begun changed"},
		{name: "at the start", cutAt: 1, breaks: 1, journal: "begun changed"},
		{name: "after the change, and when that is looked at", fail: "cut after", cutAt: 4, breaks: 2, journal: "begun changed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, failing(test.fail))
			l.conns["a"].cutAt = test.cutAt
			summary, err := l.apply()
			if err != nil || summary.Counts != (Counts{Changed: 3}) {
				t.Fatalf("%+v, %v", summary, err)
			}
			lost := func(event string) bool { return event == "a connection_lost" || event == "a connection_back" }
			connections := slices.DeleteFunc(slices.Clone(l.events), func(e string) bool { return !lost(e) })
			if len(connections) != 2*test.breaks {
				t.Errorf("connections: %q", connections)
			}
			want := []string{"a step_changed thing.x", "a step_changed thing.y", "a step_changed thing.z"}
			if diff := cmp.Diff(want, slices.DeleteFunc(l.events, lost)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if got := l.written("a", "thing.y"); got != test.journal {
				t.Errorf("journal %q, want %q", got, test.journal)
			}
		})
	}
}

func TestConnectionLostInBatch(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.ReplaceAll(failing("cut before"), "value = \"1\"", "value = \"1\"\n batch = true"))
	summary, err := l.apply()
	if err != nil || summary.Counts != (Counts{Changed: 3}) {
		t.Fatalf("%+v, %v", summary, err)
	}
	want := []string{
		"a connection_lost", "a connection_back", "a step_changed thing.x", // which was done
		"a step_changed thing.y", "a step_changed thing.z",
	}
	if diff := cmp.Diff(want, l.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for step, want := range map[string]string{"thing.x": "begun changed", "thing.y": "begun failed begun changed"} {
		if got := l.written("a", step); got != want {
			t.Errorf("journal of %s: %q, want %q", step, got, want)
		}
	}
}

// TestConnectionLostInPlan: looking goes on, and takes no lock.
func TestConnectionLostInPlan(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)
	l.conns["a"].cutAt = 1
	l.conns["a"].lock = "a plan must not ask for it"
	if summary, err := l.run(t.Context(), Options{Mode: Plan}); err != nil || summary.Counts.Planned != 3 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// TestConnectionLostToProbes: what is asked through tunnels ends in "could not tell" when the connection breaks, not in an
// error of the whole question.
func TestConnectionLostToProbes(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)
	l.set("a", "y", "unreadable")
	l.conns["a"].cutAt, l.conns["a"].answers = 1, true
	l.conns["a"].login = func() error {
		l.set("a", "y", "0")
		return nil
	}
	if summary, err := l.apply(); err != nil || summary.Counts.Changed != 3 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// doubled is a host whose journal has an entry twice, since it was not known whether it had been written.
type doubled struct{ moduletest.Host }

func (*doubled) Ask(context.Context, string) (stdout, stderr []byte, err error) {
	return []byte(`{"run":"A","what":"begun"}` + "\n" + `{"run":"A","what":"begun"}` + "\n" + `{"run":"A","what":"changed"}` + "\n"), nil, nil
}

func TestHistoryWithoutDoubles(t *testing.T) {
	t.Parallel()
	entries, err := History(t.Context(), &doubled{})
	if err != nil || len(entries) != 2 {
		t.Errorf("%+v, %v", entries, err)
	}
}

// TestLocksAfterConnectionLost: what the run left at work is waited for, and told of.
func TestLocksAfterConnectionLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, failing("cut after"))
	l.conns["a"].locks = []string{"locked", "busy /run/rcprov/jobs/apt/lock\nUnpacking nginx", "busy /run/rcprov/busy.2", "locked"}
	var said []string
	summary, err := l.run(t.Context(), Options{Mode: Apply, Reporter: reporterFunc(func(e Event) {
		if e.Type == Doing && strings.HasPrefix(e.Text, "waiting") {
			said = append(said, e.Text)
		}
	})})
	if err != nil || summary.Counts.Changed != 3 {
		t.Fatalf("%+v, %v", summary, err)
	}
	want := []string{
		"waiting for rcprov-apt.service, started before the connection broke: Unpacking nginx",
		"waiting for a command, started before the connection broke",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// TestLockedAfterConnectionLost: the host let go of the lock, and somebody else took it.
func TestLockedAfterConnectionLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(failing("cut before"), "fail", "retries = 3\n fail", 1))
	l.conns["a"].locks = []string{"locked", "held 3\n" + `{"by":"bob@desk","run":"ABC","plan":"prod.hcl","since":"2026-11-21T10:00:00Z"}`}
	summary, err := l.apply()
	const want = "take the lock again after the connection broke: bob@desk has been changing this host since 10:00:00 UTC with prod.hcl (run ABC)"
	if err == nil || !strings.Contains(err.Error(), want) || l.get("a", "y") != "" {
		t.Fatalf("error %v, want %s", err, want)
	}
	if left := summary.Failures[0].Aftermath; left != Unknown {
		t.Errorf("left %q", left)
	}
}

// TestSettledChange: a change that failed by itself is not made again because the connection broke, too.
func TestSettledChange(t *testing.T) {
	t.Parallel()
	l := newLab(t, failing("cut and fail"))
	summary, err := l.apply()
	if err == nil || !strings.Contains(err.Error(), "thing.y: tool: exit status 3") {
		t.Fatalf("error %v", err)
	}
	if left := summary.Failures[0].Aftermath; left != Untouched {
		t.Errorf("left %q: it was not looked at over a new connection", left)
	}
	if got := l.written("a", "thing.y"); got != "begun failed" {
		t.Errorf("journal %q", got)
	}
}

// TestStepThatCutsConnections doesn't go on for ever.
func TestStepThatCutsConnections(t *testing.T) {
	t.Parallel()
	l := newLab(t, failing("cut"))
	summary, err := l.apply()
	const want = "thing.y: given up after 3 tries: the connection to admin@a:22 broke: the host closed it"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want %s", err, want)
	}
	if f := summary.Failures[0]; f.Aftermath != Untouched || f.Left != 1 {
		t.Errorf("left %q, %d steps", f.Aftermath, f.Left)
	}
	if got := l.written("a", "thing.y"); got != "begun failed begun failed begun failed" {
		t.Errorf("journal %q", got)
	}
}

// TestUnreachable: the host doesn't come back.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		login error
		want  string
	}{
		{
			"nobody answers", fmt.Errorf("connect to a:22: connection refused (%w)", modules.ErrUnreachable),
			"(tried 15 times in 1m55s): connect to a:22: connection refused (the host can't be reached)",
		},
		{"refused", errors.New("a:22 refused to log in admin"), "(tried 3 times in 3s): a:22 refused to log in admin"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, failing("cut after"))
			synctest.Test(t, func(t *testing.T) {
				l.conns["a"].login = func() error { return test.login }
				summary, err := l.run(t.Context(), Options{Mode: Apply})
				want := "thing.y: the connection to admin@a:22 broke: the host closed it; could not reconnect " + test.want
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("error %v\nwant  %s", err, want)
				}
				time.Sleep(2 * lockBeat) // until keepLock has ended
				f := summary.Failures[0]
				if f.Aftermath != Unknown || f.Left != 1 || !errors.Is(f, test.login) {
					t.Errorf("%+v", f)
				}
			})
		})
	}
}

// TestStopWhileUnreachable: who interrupts the run doesn't wait for the host.
func TestStopWhileUnreachable(t *testing.T) {
	t.Parallel()
	l := newLab(t, failing("cut after"))
	ctx, cancel := context.WithCancel(t.Context())
	l.conns["a"].login = func() error {
		cancel()
		return modules.ErrUnreachable
	}
	began := time.Now()
	_, err := l.run(ctx, Options{Mode: Apply})
	const want = "could not reconnect (tried once in 0s): the run was stopped"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
