package engine

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
	"github.com/rcprov/rcprov/modules/wayin"
)

// A group is steps that follow each other, differ, and whose changes are scripts ([modules.Scripted]) that don't depend on each
// other. They go to the host in one round trip: their scripts, one after another up to the first that fails, and then the observation
// that verifies them and shows what comes next.
//
// What became of each step is decided as if it had been changed alone: those before a failure by the observation, the one that failed
// also by its error, and the others were not tried. When the trip has no answer, because the connection broke, the steps are
// observed again, as after any change; what still differs is changed again.

const (
	// maxGroup is how many steps a group has at most: a run that is being stopped finishes its group.
	maxGroup = 50
	// maxGroupSize is about how many bytes the scripts of a group have at most, before they are compressed.
	maxGroupSize = 2 << 20
)

// scripted returns the script of a step's change, if the step may be part of a group.
func scripted(s *step, change modules.Change) (modules.Script, bool) {
	if !mayGroup(s) || !s.danger.None() {
		return modules.Script{}, false
	}
	return s.Step.Step.(modules.Scripted).Script(change)
}

// mayGroup reports whether a step may be part of a group, whatever its change is.
func mayGroup(s *step) bool {
	switch s.Step.Step.(type) {
	case modules.Explainer, modules.Opaque, modules.Batcher, modules.Preparer, modules.Guarded, modules.Deferrable:
		return false
	case modules.Scripted:
		return s.Skip == "" && s.Retries == 0 && s.Timeout == 0
	}
	return false
}

// group returns the steps of the group that starts with step i, and their scripts; none if that can't be in a group.
func (w *walk) group(i int, change modules.Change) (group []work, scripts []modules.Script) {
	h := w.host
	script, ok := scripted(h.steps[i], change)
	if !ok {
		return nil, nil
	}
	group, scripts = []work{{step: h.steps[i], change: change}}, []modules.Script{script}
	size := sizeOf(script)
	foreseen := h.seen.snapshot.Apart()
	modules.Foresee(h.steps[i].Step.Step, foreseen, change)
	for j := i + 1; j < min(w.to, h.seen.to, i+maxGroup); j++ {
		s := h.steps[j]
		if !mayGroup(s) || wayin.MayTouch(s.Claims) || !w.staysPutOff(j) {
			break
		}
		change, err := s.Step.Step.Diff(h.seen.snapshot)
		if err != nil || change.Empty() {
			break
		}
		notes, same := unaffected(s, change, foreseen)
		if !same {
			break
		}
		modules.Foresee(s.Step.Step, foreseen, change)
		change.Notes = notes
		change = h.memory.cover(change)
		script, ok := scripted(s, change)
		if size += sizeOf(script); !ok || size > maxGroupSize {
			break
		}
		group, scripts = append(group, work{step: s, change: change}), append(scripts, script)
	}
	return group, scripts
}

// staysPutOff reports whether step j may be in a group although an effect is put off: it would pass it.
func (w *walk) staysPutOff(j int) bool {
	d := &w.deferred
	return d.effect == "" || !d.settles && w.host.steps[j].toward(d.effect) == modules.IgnoresEffect && !w.isDue(j)
}

func sizeOf(s modules.Script) int { return len(s.Command.Script) + len(s.Command.Stdin) }

// unaffected reports whether step s has the same change by what is foreseen: for certain, and with the same work. notes are then those
// of its turn.
func unaffected(s *step, change modules.Change, foreseen *observe.Snapshot) (notes []string, same bool) {
	shown, likely, err := modules.Preview(s.Step.Step, foreseen)
	return shown.Notes, err == nil && reflect.DeepEqual(shown.Edits, change.Edits) && reflect.DeepEqual(likely.Work, change.Work)
}

// changeGroup makes the changes of group, which starts with step i, by their scripts. It returns as change does.
func (w *walk) changeGroup(ctx context.Context, i int, group []work, scripts []modules.Script) (n int, ok bool) {
	h := w.host
	started := h.run.Now()
	w.report(i, Event{Type: Doing, Text: "changing", Change: &group[0].change})
	changes, also := make([]modules.Change, len(group)), make([]*step, len(group))
	for j, b := range group {
		changes[j], also[j] = b.change, b.step
	}
	if err := h.remember(ctx, changes...); err != nil {
		return w.lostGroup(ctx, i, group, started, h.link.breaks, err)
	}
	h.log(w.play.Name, Begun, group, nil)
	h.applied++
	h.run.countChange()

	breaks := h.link.breaks
	end, also := w.next(i+len(group), also)
	horizon := w.horizon(end)
	t := newTrip(busyHost{h.link.conn, h.applied}, h.link.conn, scripts)
	q := h.query(slices.Concat(also, h.steps[end:horizon]), false)
	var err error
	if q.HasProbes() { // which would run beside the changes
		_, _, err = t.Ask(ctx, ":")
	} else {
		_, err = h.askOnce(ctx, t, q, end, horizon, also)
	}
	if !t.known {
		return w.lostGroup(ctx, i, group, started, breaks, cmp.Or(t.err, err, errNoAnswer))
	}
	if err != nil || q.HasProbes() { // the changes were made, but what they made is unknown
		err = h.observe(ctx, end, horizon, also)
	}
	if err != nil {
		h.log(w.play.Name, Failed, group, err)
		w.fail(i, err, Unknown)
		return 0, false
	}
	for j := range group {
		after, diffErr := h.diff(group[j].step)
		failed := t.failure(j)
		switch {
		case failed == nil && diffErr != nil:
			failed = fmt.Errorf("verify: %w", diffErr)
		case failed == nil && !after.Empty():
			failed = &NotConvergedError{Left: after}
		}
		if failed != nil {
			w.done(i, group[:j], started)
			w.failInGroup(i, group, j, len(t.ended), started, failed, after, diffErr)
			return 0, false
		}
		group[j].keepNotes(after)
	}
	w.done(i, group, started)
	return len(group), true
}

// failInGroup reports that step j of group, which starts with step i, failed: after is what it still differs in, unless diffErr says why
// that is unknown. The first tried steps of the group were tried.
func (w *walk) failInGroup(i int, group []work, j, tried int, started time.Time, failed error, after modules.Change, diffErr error) {
	h := w.host
	left, made := group[j].outcome(after, diffErr)
	group[j].made = made
	h.log(w.play.Name, Failed, group[j:j+1], failed)
	later := 0
	for k := j + 1; k < len(group); k++ {
		if after, err := h.diff(group[k].step); k < tried && err == nil && after.Empty() {
			w.done(i+k, group[k:k+1], started)
			later++
		} else {
			h.log(w.play.Name, Failed, group[k:k+1], fmt.Errorf("not tried, since %s failed", group[j].Address))
		}
	}
	w.failAt(i+j, failed, left, w.untried(i+j)-later, made...)
}

// lostGroup looks at what became of group, which starts with step i, after an error without an answer from the host.
func (w *walk) lostGroup(ctx context.Context, i int, group []work, started time.Time, breaks int, err error) (n int, ok bool) {
	h := w.host
	left, made := w.aftermath(ctx, i, group)
	group[0].made = made
	if h.link.breaks > breaks && !settled(err) {
		n, broken := w.resume(i, group, started, err)
		if broken == nil {
			return n, true
		}
		h.log(w.play.Name, Failed, group, broken)
		w.fail(i, broken, left, made...)
		return 0, false
	}
	h.log(w.play.Name, Failed, group, err)
	if len(group) > 1 {
		w.failBatch(i, group, started, err, left)
	} else {
		w.fail(i, err, left, made...)
	}
	return 0, false
}

// A trip is an [observe.Host] whose first script goes to the host behind those of a group.
type trip struct {
	observe.Host // for probes, of which there are none
	runs         modules.Host
	scripts      []modules.Script
	mark         string

	err   error            // why nothing is known about them
	known bool             // it is known how they ended
	ended []modules.Result // of those that were tried: only the last may have failed
}

func newTrip(runs modules.Host, conn observe.Host, scripts []modules.Script) *trip {
	return &trip{Host: conn, runs: runs, scripts: scripts, mark: "rcprov-" + strings.ToLower(rand.Text())}
}

// Ask implements [observe.Host]. It is called once.
func (t *trip) Ask(ctx context.Context, script string) (stdout, stderr []byte, err error) {
	var result modules.Result
	command, err := t.command(script)
	if err == nil {
		result, err = t.runs.Run(ctx, command)
	}
	if err != nil {
		t.err = err
		return nil, nil, err
	}
	return t.read(result)
}

//go:embed group.sh
var groupScript string

// command returns the scripts of the group and the one that observes as one command: compressed, since most of their text is the same.
func (t *trip) command(look string) (modules.Command, error) {
	var b strings.Builder
	b.WriteString(shell.Script(groupScript, shell.Vars{"mark": t.mark}))
	b.WriteString("while :; do\n")
	for i, s := range t.scripts {
		fmt.Fprintf(&b, "%s\nended %d $? || break\n", s.Command.Shell(), i)
	}
	// Nobody waits for what only looks, and it has an end: one that hangs, on a dead NFS server for example, is observed again by
	// the shell of all observations, which says so.
	fmt.Fprintf(&b, "break\ndone\nexec 8>&-\nended look 0\ntimeout -s KILL %d sh -s <<'%s'\n{\n%s\n} </dev/null\n%[2]s\nended end 0\n",
		int(observeTimeout.Seconds()), t.mark+"-script", look)
	var packed bytes.Buffer
	pack := gzip.NewWriter(&packed)
	_, err := pack.Write([]byte(b.String()))
	err = errors.Join(err, pack.Close())
	return modules.Command{Script: `script=$(gzip -dc) && eval "$script"`, Stdin: packed.Bytes()}, err
}

var errNoAnswer = errors.New("the host's answer is incomplete")

// read reads what the command printed: how the scripts ended, and the answer to the one that observes. Standard output may lack its
// beginning ([modules.Host.Run] keeps its end), so the other one decides.
func (t *trip) read(r modules.Result) (stdout, stderr []byte, err error) {
	for i := range t.scripts {
		said, status, ok := t.cut(&r.Stderr, strconv.Itoa(i))
		if !ok {
			t.err = errNoAnswer
			return nil, nil, t.err
		}
		printed, _, _ := t.cut(&r.Stdout, strconv.Itoa(i))
		t.ended = append(t.ended, modules.Result{Stdout: printed, Stderr: said, Status: status})
		if status != 0 {
			break
		}
	}
	t.known = true
	_, _, ok := t.cut(&r.Stdout, "look")
	if ok {
		stdout, _, ok = t.cut(&r.Stdout, "end")
	}
	if !ok {
		return nil, nil, errNoAnswer
	}
	if _, _, ok = t.cut(&r.Stderr, "look"); ok {
		stderr, _, _ = t.cut(&r.Stderr, "end")
	}
	return stdout, stderr, nil
}

// cut cuts what comes before a line of the function ended off the front of stream, with that line.
func (t *trip) cut(stream *[]byte, what string) (before []byte, status int, ok bool) {
	before, rest, ok := bytes.Cut(*stream, fmt.Appendf(nil, "\n%s %s ", t.mark, what))
	if !ok {
		return nil, 0, false
	}
	number, rest, ok := bytes.Cut(rest, []byte("\n"))
	status, err := strconv.Atoi(string(number))
	if !ok || err != nil {
		return nil, 0, false
	}
	*stream = rest
	return before, status, true
}

// failure returns the error of script i; nil: it succeeded, or was not tried.
func (t *trip) failure(i int) error {
	if i >= len(t.ended) || t.ended[i].Status == 0 {
		return nil
	}
	return t.scripts[i].Err(modules.NewCommandError(t.scripts[i].Command, t.ended[i]))
}
