package observe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// echo answers with what its subjects, pieces of shell, print.
var echo = &observe.Kind[string, string]{
	Name:   "echo",
	Script: func(subjects []string) string { return strings.Join(subjects, "\n") },
	Parse: func(subjects []string, reply observe.Reply) map[string]observe.Answer[string] {
		answers := make(map[string]observe.Answer[string])
		for _, s := range subjects {
			if reply.Status == 0 {
				answers[s] = observe.Answer[string]{Value: string(reply.Stdout)}
			}
		}
		return answers
	},
}

// other is a second family, asked in the same script.
var other = &observe.Kind[int, string]{
	Name:   "other",
	Script: func([]int) string { return "printf other; printf noise >&2" },
	Parse: func(subjects []int, reply observe.Reply) map[int]observe.Answer[string] {
		return map[int]observe.Answer[string]{subjects[0]: {Value: string(reply.Stdout) + "," + string(reply.Stderr)}}
	},
}

func TestQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		script string
		want   string
		err    string
	}{
		{name: "text", script: "echo hello", want: "hello\n"},
		{name: "no output", script: ":", want: ""},
		{name: "no newline at the end", script: "printf x", want: "x"},
		{name: "newlines only", script: `printf '\n\n'`, want: "\n\n"},
		{name: "any bytes", script: `printf '\000\377\n\r\001'`, want: "\x00\xff\n\r\x01"},
		{name: "looks like a frame", script: `printf '\nrcprov-0 0 0\n'`, want: "\nrcprov-0 0 0\n"},
		{name: "reads its input", script: "cat", want: ""},
		{name: "fails with a reason", script: "echo lost; echo 'no such luck' >&2; exit 3", err: "no such luck"},
		{name: "fails silently", script: "exit 3", err: "the host gave no answer (exit status 3)"},
		{name: "kills itself", script: `sh -c 'kill -9 $$'; exit $?`, err: "Killed"},
		{name: "leaves the shell changed", script: "cd /; set -eu; IFS=x; export LC_ALL=de_DE; exec 3>&-; echo x", want: "x\n"},
	}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				var q observe.Query
				echo.Ask(&q, test.script)
				other.Ask(&q, 1)
				s, err := q.Run(t.Context(), host)
				if err != nil {
					t.Fatal(err)
				}
				got, err := echo.Get(s, test.script)
				if test.err != "" {
					// A shell that reports a killed program says more than the word.
					if err == nil || !strings.Contains(err.Error(), test.err) && test.err != "Killed" {
						t.Errorf("error %v, want %q", err, test.err)
					}
				} else if err != nil || got != test.want {
					t.Errorf("got %q, %v; want %q", got, err, test.want)
				}
				if got, err := other.Get(s, 1); err != nil || got != "other,noise" {
					t.Errorf("the next family got %q, %v", got, err)
				}
			})
		}
	})
}

func TestQueryAsksOnce(t *testing.T) {
	t.Parallel()
	var q observe.Query
	if !q.Empty() {
		t.Error("a new query is not empty")
	}
	for range 3 {
		echo.Ask(&q, "echo once")
		echo.Ask(&q, "echo twice")
	}
	if script := q.Script("MARK"); strings.Count(script, "echo once") != 1 || strings.Count(script, "MARK") != 2 {
		t.Errorf("the script asks more than once:\n%s", script)
	}
	if q.Empty() {
		t.Error("a query with questions is empty")
	}
}

func TestQueryCutOff(t *testing.T) {
	t.Parallel()
	var q observe.Query
	echo.Ask(&q, "echo x")
	other.Ask(&q, 1)
	tests := []struct {
		name           string
		stdout, stderr string
		err            string
	}{
		{name: "nothing", err: "the host's shell stopped while it was asked about echo: no output"},
		{
			name: "no shell", stderr: "This account is currently not available.\n",
			err: "the host's shell stopped while it was asked about echo: This account is currently not available.",
		},
		{
			name: "second family", stdout: "x\n\nM 0 said\n\nM 0 0\nhalf of",
			err: "the host's shell stopped while it was asked about other: no output",
		},
		{
			name: "within a frame", stdout: "x\n\nM 0 said\nM 0 ",
			err: "the host's shell stopped while it was asked about echo: no output",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := q.Parse("M", []byte(test.stdout), []byte(test.stderr))
			if err == nil || err.Error() != test.err {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

// TestQueryLanes has more families than lanes, whose answers are larger than a pipe holds.
func TestQueryLanes(t *testing.T) {
	t.Parallel()
	const size = 200 << 10
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		var q observe.Query
		var kinds []*observe.Kind[int, int]
		for i := range 11 {
			kinds = append(kinds, &observe.Kind[int, int]{
				Name: "big",
				Script: func([]int) string {
					return fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; echo; echo complaint %d >&2; exit %d", size, i, i)
				},
				Parse: func(_ []int, r observe.Reply) map[int]observe.Answer[int] {
					if len(r.Stdout) != size+1 || string(r.Stderr) != fmt.Sprintf("complaint %d\n", i) {
						return nil
					}
					return map[int]observe.Answer[int]{0: {Value: r.Status}}
				},
			})
			kinds[i].Ask(&q, 0)
		}
		snapshot, err := q.Run(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range kinds {
			if got, err := k.Get(snapshot, 0); got != i || err != nil {
				t.Errorf("family %d answered %d, %v", i, got, err)
			}
		}
	})
}

// TestQueryLanesAreEven has one family that takes as long as all others.
func TestQueryLanesAreEven(t *testing.T) {
	t.Parallel()
	var q observe.Query
	for i, cost := range []int{0, 0, 9, 0, 0, 0, 0} {
		k := &observe.Kind[int, int]{
			Cost:   cost,
			Script: func([]int) string { return fmt.Sprintf("printf family%d", i) },
			Parse:  func([]int, observe.Reply) map[int]observe.Answer[int] { return nil },
		}
		k.Ask(&q, 0)
	}
	lanes := strings.Split(q.Script("M"), "lane")[1:]
	if first := lanes[0]; !strings.Contains(first, "family2") || strings.Count(first, "printf family") != 1 {
		t.Errorf("the first lane is not the long family alone:\n%s", first)
	}
}

// TestQueryStartsNothing has questions that start no program; nor does what is around them.
func TestQueryStartsNothing(t *testing.T) {
	t.Parallel()
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		var q observe.Query
		other.Ask(&q, 1)
		for i := range 6 {
			k := *other
			k.Ask(&q, i)
		}
		stdout, stderr, err := host.Ask(t.Context(), "PATH=/none\n"+q.Script("M"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := q.Parse("M", stdout, stderr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := other.Get(s, 1); err != nil || got != "other,noise" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// brokenHost can't be asked.
type brokenHost struct{ err error }

func (h brokenHost) Ask(context.Context, string) (stdout, stderr []byte, err error) {
	return nil, nil, h.err
}
func (h brokenHost) Dial(context.Context, string, string) (net.Conn, error) { return nil, h.err }

func TestQueryHostFails(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	var q observe.Query
	echo.Ask(&q, "echo x")
	if _, err := q.Run(t.Context(), brokenHost{lost}); !errors.Is(err, lost) {
		t.Errorf("error %v, want %v", err, lost)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	length := &observe.Probe[string, int]{Name: "length", Run: func(_ context.Context, _ observe.Dial, subject string) (int, error) {
		if subject == "" {
			return 0, refused
		}
		return len(subject), nil
	}}
	var q observe.Query
	length.Ask(&q, "abc")
	length.Ask(&q, "abc")
	length.Ask(&q, "")
	s, err := q.Run(t.Context(), brokenHost{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := length.Get(s, "abc"); got != 3 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := length.Get(s, ""); !errors.Is(err, refused) {
		t.Errorf("error %v, want %v", err, refused)
	}
	if _, err := length.Get(s, "never asked"); err == nil || err.Error() != "bug: length never asked was not asked" {
		t.Errorf("error %v", err)
	}
}

// TestProbeAfter: a probe that depends on the script's answers has them.
func TestProbeAfter(t *testing.T) {
	t.Parallel()
	length := &observe.Probe[string, int]{Name: "length", After: func(_ context.Context, _ observe.Dial, subject string, seen *observe.Snapshot) (int, error) {
		said, err := echo.Get(seen, subject)
		return len(said), err
	}}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		var q observe.Query
		length.Ask(&q, "echo abc")
		length.Ask(&q, "echo never asked")
		echo.Ask(&q, "echo abc")
		s, err := q.Run(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := length.Get(s, "echo abc"); got != len("abc\n") || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
		if _, err := length.Get(s, "echo never asked"); err == nil {
			t.Error("an answer about what was not asked")
		}
	})
	lost := errors.New("connection lost")
	var q observe.Query
	echo.Ask(&q, "echo x")
	length.Ask(&q, "echo x")
	if _, err := q.Run(t.Context(), brokenHost{lost}); !errors.Is(err, lost) {
		t.Errorf("error %v, want %v", err, lost)
	}
}

// TestFacts asks this machine.
func TestFacts(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("NOT RUN: this machine has no dpkg")
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		var q observe.Query
		observe.HostFacts.Ask(&q, struct{}{})
		s, err := q.Run(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		f, err := observe.HostFacts.Get(s, struct{}{})
		if err != nil || f.Hostname != name || f.FQDN == "" || f.Kernel == "" || f.CPUs < 1 || f.MemoryBytes < 1<<20 || f.OS.ID == "" {
			t.Errorf("got %+v, %v", f, err)
		}
	})
}
