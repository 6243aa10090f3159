package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// room is a requirement that adds up: the value "room" of the host must be at least as many letters long.
type room struct{ letters int }

func (room) Topic() modules.Topic { return modules.TopicDisk }

func (room) Observe(q *observe.Query) { value.Ask(q, "room") }

func (r room) Test(s *observe.Snapshot, before []modules.Need) *modules.Finding {
	has, err := value.Get(s, "room")
	if err != nil {
		return &modules.Finding{Level: modules.LevelWarn, Err: err}
	}
	for _, n := range before {
		if other, ok := n.Requirement.(room); ok && n.Pending {
			r.letters += other.letters
		}
	}
	if len(has) >= r.letters {
		return nil
	}
	return &modules.Finding{Level: modules.LevelError, Err: fmt.Errorf("%d letters of %d", len(has), r.letters)}
}

// quiet is a requirement that is never met, and the same for every step.
type quiet struct{}

func (quiet) Topic() modules.Topic { return modules.TopicClock }

func (quiet) Observe(*observe.Query) {}

func (quiet) Test(*observe.Snapshot, []modules.Need) *modules.Finding {
	return &modules.Finding{Level: modules.LevelWarn, Err: errors.New("it is late")}
}

type needyArgs struct {
	Name    string `hcl:"name"`
	Letters int    `hcl:"letters"`
}

// needyModule has things that need room.
func needyModule() modules.Module {
	m := modules.Primitive("needy", "", func(a needyArgs, _ modules.Env) (modules.Step, error) {
		return &thing{thingArgs{Name: a.Name, Value: "1"}}, nil
	})
	build := m.Build
	m.Build = func(args any, env modules.Env) (modules.Built, error) {
		built, err := build(args, env)
		built.Parts[0].Requires = []modules.Requirement{room{args.(*needyArgs).Letters}, quiet{}}
		return built, err
	}
	return m
}

// twoNeedy is two plays on one host. What comes before needs nothing.
const twoNeedy = `
host "a" {}
play "one" {
  hosts = [host.a]
  thing "first" {
    name  = "first"
    value = "1"
  }
  needy "x" {
    name    = "x"
    letters = 3
    %s
  }
}
play "two" {
  hosts = [host.a]
  %s
  needy "y" {
    name    = "y"
    letters = 4
  }
}
`

func TestPreflight(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		step      string // more of step x
		play      string // more of play two
		room      string
		converged bool // x is
		err       string
		want      []string // findings
	}{
		{name: "enough", room: "1234567", want: []string{"needy.x warn clock: it is late"}},
		{
			name: "none", err: "host a: 2 requirements are not met\nneedy.x: 0 letters of 3\nneedy.y: 0 letters of 7",
			want: []string{"needy.x error disk: 0 letters of 3", "needy.x warn clock: it is late", "needy.y error disk: 0 letters of 7"},
		},
		{
			name: "for one of both", room: "1234", err: "host a: needy.y: 4 letters of 7",
			want: []string{"needy.x warn clock: it is late", "needy.y error disk: 4 letters of 7"},
		},
		{name: "what is done needs nothing", room: "1234", converged: true, want: []string{"needy.y warn clock: it is late"}},
		{
			name: "warnings", step: `preflight = { disk = "warn" }`, play: `preflight = { disk = "warn", clock = "off" }`,
			want: []string{"needy.x warn disk: 0 letters of 3", "needy.x warn clock: it is late", "needy.y warn disk: 0 letters of 7"},
		},
		{
			name: "off counts for nothing", step: `preflight = { disk = "off", clock = "off" }`, room: "1234",
			want: []string{"needy.y warn clock: it is late"},
		},
		{
			name: "stricter", step: `preflight = { clock = "error" }`, room: "1234567", err: "host a: needy.x: it is late",
			want: []string{"needy.x error clock: it is late", "needy.y warn clock: it is late"},
		},
		{
			name: "could not tell", room: "unreadable",
			want: []string{"needy.x warn disk: can't be read", "needy.x warn clock: it is late"},
		},
	} {
		for _, mode := range []Mode{Plan, Apply} {
			t.Run(test.name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				l := newLab(t, fmt.Sprintf(twoNeedy, test.step, test.play), needyModule())
				l.set("a", "room", test.room)
				if test.converged {
					l.set("a", "x", "1")
				}
				var found []string
				report := reporterFunc(func(e Event) {
					l.Report(e)
					if e.Type == Found {
						found = append(found, fmt.Sprintf("%s %s %s: %v", e.Step, e.Finding.Level, e.Finding.Check, e.Finding.Err))
					}
				})
				summary, err := l.run(t.Context(), Options{Mode: mode, Reporter: report})
				if diff := cmp.Diff(test.want, found); diff != "" {
					t.Errorf("findings (-want +got):\n%s", diff)
				}
				if (err != nil) != (test.err != "") || err != nil && summary.Failures[0].Error() != test.err {
					t.Errorf("error %v, want %s", err, test.err)
				}
				want := Counts{Failed: 1, Left: 3}
				switch {
				case mode == Plan:
					want = Counts{Planned: 3} // shown all the same
					if test.err != "" {
						want.Failed = 1
					}
					if test.converged {
						want.Planned, want.OK = 2, 1
					}
				case test.converged:
					want = Counts{Changed: 2, OK: 1}
				case test.err == "":
					want = Counts{Changed: 3}
				}
				if summary.Counts != want {
					t.Errorf("counts %+v, want %+v", summary.Counts, want)
				}
				if changed := l.get("a", "first") != ""; changed != (mode == Apply && test.err == "") {
					t.Errorf("changed: %t", changed)
				}
			})
		}
	}
}

// TestPreflightAsksOnce counts questions: requirements cost none.
func TestPreflightAsksOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, fmt.Sprintf(twoNeedy, "", ""), needyModule())
	l.set("a", "room", "1234567")
	if _, err := l.apply(); err != nil || l.conns["a"].asked != 6 {
		t.Errorf("apply: %v, %d questions, want 6 as for three steps in two plays without requirements", err, l.conns["a"].asked)
	}
	l.set("a", "room", "")
	if summary, err := l.apply(); err != nil || summary.Counts.OK != 3 || l.conns["a"].asked != 1 {
		t.Errorf("a second apply, with no room left: %+v, %v, %d questions", summary, err, l.conns["a"].asked)
	}
}
