package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
)

// prepared is a thing that can be prepared.
type prepared struct {
	thing
	*desk
}

// A desk is where the steps of a test are prepared and applied.
type desk struct {
	prepare map[string]func(context.Context) error // by name; others have nothing to prepare
	apply   map[string]func(context.Context) error // before a thing is set

	mu    sync.Mutex
	order []string // "prepare y", "prepared y", "apply y"
}

func (d *desk) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.order = append(d.order, what)
}

// wantOrder fails the test unless things happened in this order.
func (d *desk) wantOrder(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if diff := cmp.Diff(want, d.order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func (p *prepared) Prepare(ctx context.Context, h modules.Host, c modules.Change) error {
	prepare := p.desk.prepare[p.Name]
	if prepare == nil {
		return nil
	}
	if e, ok := c.Find(""); !ok || e.To != p.Value {
		return fmt.Errorf("bug: %s is to be prepared for %+v", p.Name, c)
	}
	p.note("prepare " + p.Name)
	err := prepare(ctx)
	if _, closed := h.Run(context.WithoutCancel(ctx), modules.Command{Script: ":"}); closed != nil {
		p.note(closed.Error())
	}
	p.note("prepared " + p.Name)
	return err
}

func (p *prepared) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	p.note("apply " + p.Name)
	if apply := p.desk.apply[p.Name]; apply != nil {
		if err := apply(ctx); err != nil {
			return err
		}
	}
	return p.thing.Apply(ctx, h, c)
}

// newAheadLab is a lab for a host a with the steps x, y and z, all of which could be prepared; more is added to y's block.
func newAheadLab(t *testing.T, d *desk, more string) *lab {
	t.Helper()
	source := strings.ReplaceAll(threeThings, "thing ", "prepared ")
	source = strings.Replace(source, `name  = "y"`, "name = \"y\"\n"+more, 1)
	return newLab(t, source, d.module())
}

func (d *desk) module() modules.Module {
	return modules.Primitive("prepared", "", func(a thingArgs, _ modules.Env) (modules.Step, error) {
		return &prepared{thing{a}, d}, nil
	})
}

// until returns a function that waits for one of channels.
func until(channels ...chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, c := range channels {
			select {
			case <-c:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
}

// and returns a function that closes c, and goes on with then.
func and(c chan struct{}, then func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		close(c)
		return then(ctx)
	}
}

func succeed(context.Context) error { return nil }

// All that can be prepared is, in the plan's order, while the first step is under way.
func TestPrepareBeside(t *testing.T) {
	t.Parallel()
	y, z := make(chan struct{}), make(chan struct{})
	d := &desk{
		prepare: map[string]func(context.Context) error{"x": succeed, "y": and(y, succeed), "z": and(z, succeed)},
		apply:   map[string]func(context.Context) error{"x": until(y, z)},
	}
	summary, err := newAheadLab(t, d, "").apply()
	if err != nil || summary.Counts.Changed != 3 {
		t.Fatalf("%+v, %v", summary, err)
	}
	// The others are applied meanwhile, whenever they like.
	d.order = slices.DeleteFunc(d.order, func(what string) bool { return what == "apply x" || what == "apply y" })
	d.wantOrder(t, "prepare y", "prepared y", "prepare z", "prepared z", "apply z")
}

// A step waits while it is being prepared, and says what is being done; it does not wait for another one.
func TestPrepareIsWaitedFor(t *testing.T) {
	t.Parallel()
	y, waiting, z, applied := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	d := &desk{
		prepare: map[string]func(context.Context) error{
			"y": func(ctx context.Context) error {
				modules.Progress(ctx, "fetching")
				close(y)
				err := until(waiting)(ctx)
				modules.Progress(ctx, "unpacking")
				return err
			},
			"z": and(z, until(applied)),
		},
		apply: map[string]func(context.Context) error{
			"x": until(y),
			"y": func(ctx context.Context) error {
				defer close(applied)
				return until(z)(ctx)
			},
		},
	}
	l := newAheadLab(t, d, "")
	var said []string
	summary, err := l.run(t.Context(), Options{Mode: Apply, Reporter: reporterFunc(func(e Event) {
		if e.Type != Doing || e.Step != "prepared.y" || e.Text == "observing" {
			return
		}
		said = append(said, e.Text)
		if e.Text == "fetching" {
			close(waiting)
		}
	})})
	if err != nil || summary.Counts.Changed != 3 {
		t.Errorf("%+v, %v", summary, err)
	}
	if diff := cmp.Diff([]string{"changing", "fetching", "unpacking"}, said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if l.get("a", "z") != "1" {
		t.Error("z was not applied")
	}
}

// What is being prepared when its step will not come any more is ended, while the connection is still there.
func TestPrepareIsCancelled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		more string // in y's block
		x    func(stop func()) error
		err  string // of the run
		want []string
	}{
		{
			name: "failure", err: "prepared.x: no luck", want: []string{"apply x", "prepare y", "prepared y"},
			x: func(func()) error { return errors.New("no luck") },
		},
		{
			name: "stopped", err: ErrStopped.Error(), want: []string{"apply x", "prepare y", "prepared y"},
			x: func(stop func()) error { stop(); return nil },
		},
		{
			name: "timeout", more: `timeout = "10ms"`, err: "prepared.y: not done after its timeout of 10ms",
			want: []string{"apply x", "prepare y", "prepared y", "apply y"},
			x:    func(func()) error { return nil },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			y, applying := make(chan struct{}), make(chan struct{})
			d := &desk{
				prepare: map[string]func(context.Context) error{
					"y": func(ctx context.Context) error {
						close(y)
						<-ctx.Done()
						return ctx.Err()
					},
				},
				apply: map[string]func(context.Context) error{
					"x": func(ctx context.Context) error {
						close(applying)
						if err := until(y)(ctx); err != nil {
							return err
						}
						return test.x(stop)
					},
					"y": func(ctx context.Context) error { return ctx.Err() },
				},
			}
			d.prepare["y"] = after(applying, d.prepare["y"])
			l := newAheadLab(t, d, test.more)
			if _, err := l.run(ctx, Options{Mode: Apply}); err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %s", err, test.err)
			}
			slices.Sort(d.order[:2]) // side by side
			d.wantOrder(t, test.want...)
		})
	}
}

// after returns a function that waits for c before then.
func after(c chan struct{}, then func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := until(c)(ctx); err != nil {
			return err
		}
		return then(ctx)
	}
}

// A step that turns out to be as wanted needs no preparing any more.
func TestPrepareForNothing(t *testing.T) {
	t.Parallel()
	y, cancelled := make(chan struct{}), make(chan struct{})
	d := &desk{
		prepare: map[string]func(context.Context) error{
			"y": func(ctx context.Context) error {
				close(y)
				<-ctx.Done()
				close(cancelled)
				return ctx.Err()
			},
		},
		apply: map[string]func(context.Context) error{"z": until(cancelled)},
	}
	l := newAheadLab(t, d, "")
	d.apply["x"] = func(ctx context.Context) error {
		l.set("a", "y", "1")
		return until(y)(ctx)
	}
	summary, err := l.apply()
	if err != nil || summary.Counts.Changed != 2 || summary.Counts.OK != 1 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// Errors and bugs of preparing are no failures; what could not be prepared is tried again after a change.
func TestPrepareFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fails int // times
		panic bool
		want  int // tries
	}{
		{name: "once", fails: 1, want: 2},
		{name: "always", fails: 100, want: prepareTries},
		{name: "panic", panic: true, want: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			const steps = prepareTries + 2
			var source strings.Builder
			source.WriteString("host \"a\" {}\nplay \"p\" {\n hosts = [host.a]\n")
			for i := range steps {
				fmt.Fprintf(&source, "prepared \"s%d\" {\n name = \"s%d\"\n value = \"1\"\n}\n", i, i)
			}
			source.WriteString("prepared \"last\" {\n name = \"last\"\n value = \"1\"\n}\n}\n")

			tries, tried := 0, make(chan struct{}, steps)
			d := &desk{apply: map[string]func(context.Context) error{}, prepare: map[string]func(context.Context) error{}}
			d.prepare["last"] = func(context.Context) error {
				tries++
				tried <- struct{}{}
				if test.panic {
					panic("oops")
				}
				if tries <= test.fails {
					return errors.New("not yet")
				}
				return nil
			}
			for i := range test.want { // each of the first steps takes as long as a try
				d.apply[fmt.Sprintf("s%d", i)] = until(tried)
			}
			l := newLab(t, source.String(), d.module())
			summary, err := l.apply()
			if err != nil || summary.Counts.Changed != steps+1 {
				t.Errorf("%+v, %v", summary, err)
			}
			if tries != test.want {
				t.Errorf("prepared %d times, want %d", tries, test.want)
			}
		})
	}
}

// Nothing is prepared to look at a host, nor on one that is as wanted.
func TestPrepareOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	d := &desk{prepare: map[string]func(context.Context) error{"x": succeed, "y": succeed, "z": succeed}}
	l := newAheadLab(t, d, "")
	if _, err := l.run(t.Context(), Options{Mode: Plan}); err != nil {
		t.Error(err)
	}
	d.wantOrder(t)
	for _, name := range []string{"x", "y", "z"} {
		l.set("a", name, "1")
	}
	if _, err := l.apply(); err != nil {
		t.Error(err)
	}
	d.wantOrder(t)
	l.set("a", "y", "drift")
	l.set("a", "z", "unreadable")
	if _, err := l.apply(); err == nil || !strings.Contains(err.Error(), "prepared.z: can't be read") {
		t.Errorf("error %v", err)
	}
	d.wantOrder(t, "apply y")
}

// A host's later plays are prepared as well.
func TestPrepareLaterPlays(t *testing.T) {
	t.Parallel()
	y := make(chan struct{})
	d := &desk{
		prepare: map[string]func(context.Context) error{"y": and(y, succeed)},
		apply:   map[string]func(context.Context) error{"x": until(y)},
	}
	summary, err := newLab(t, `
host "a" {}
play "p" {
  hosts = [host.a]
  prepared "x" {
    name  = "x"
    value = "1"
  }
}
play "q" {
  hosts = [host.a]
  prepared "y" {
    name  = "y"
    value = "1"
  }
}
`, d.module()).apply()
	if err != nil || summary.Counts.Changed != 2 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// With the connection the preparing ends; over the new one it begins again.
func TestPrepareWhenTheConnectionBreaks(t *testing.T) {
	t.Parallel()
	var l *lab
	first, second := make(chan struct{}), make(chan struct{})
	tries := 0
	d := &desk{
		prepare: map[string]func(context.Context) error{
			"y": func(ctx context.Context) error {
				if tries++; tries > 1 {
					close(second)
					return nil
				}
				close(first)
				<-ctx.Done()
				return ctx.Err()
			},
		},
	}
	broken := false
	d.apply = map[string]func(context.Context) error{
		"x": func(ctx context.Context) error {
			if broken {
				return until(second)(ctx)
			}
			broken = true
			return errors.Join(until(first)(ctx), l.conns["a"].cut())
		},
	}
	l = newAheadLab(t, d, "")
	summary, err := l.apply()
	if err != nil || summary.Counts.Changed != 3 {
		t.Errorf("%+v, %v", summary, err)
	}
	if tries != 2 || slices.Index(d.order, "apply y") < slices.Index(d.order, "prepared y") {
		t.Errorf("prepared %d times: %q", tries, d.order)
	}
}
