// Package deadman makes changes that could lock rcprov out of a host, under a dead man's switch. It is a library for
// modules, on top of modules.Host.
//
// Such a change, of the firewall or of sshd, is a "confirmed commit" (RFC 6241 section 8.4). [Change] runs one script on
// the host that saves the files, arms a timer that restores them, and makes the change. Then rcprov logs in again, at the
// port that the change leads to, and confirms over that new connection; the old one, which a firewall lets through and
// sshd keeps, proves nothing. Confirming and restoring begin with the same rename(2), so exactly one of them happens.
//
// Whatever fails in between, the host ends in one of the two states: if rcprov is killed or the connection hangs, the
// timer restores; if the host goes down, a unit on its disk restores during the next boot, before the services start.
//
// A later run may find a change that nobody will confirm any more: modules ask for it ([Ask]) and report it as a
// difference ([Edit]), and the engine, once it has the host's lock, restores the state before it looks again.
package deadman

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// A Switch is a change, and the way back.
type Switch struct {
	// Name of what is changed: "ufw". It names the switch on the host, which has one of each name: letters, digits,
	// dashes.
	Name string

	// Files are the files and directories, with absolute paths, that the change may write: they are saved before it
	// with all that is in them, and restored (or removed if they did not exist).
	Files []string

	// Rights are directories whose owner and mode the change may set: these are restored, and nothing in them. Nobody but
	// root may be able to rename them.
	Rights []string

	// Own are files of users, in directories that belong to them. They are saved and restored with the rights of their users,
	// their directory's mode included.
	Own []Own

	// Save is shell (sh -eu) that may note in its working directory what is not in Files, for Reload. It changes
	// nothing else.
	Save string

	// Apply is shell (sh -eu) that makes the change.
	Apply string

	// Reload is shell (sh -eu) that makes the running system follow the files that were put back, in the directory
	// where Save was run. It may be run again after it was killed. It is not run at boot: the services start after it.
	Reload string

	// Port is where sshd listens after the change; 0: where it listens now.
	Port int

	// Within is how long it may take from before the change until it is confirmed; 0: DefaultWithin.
	Within time.Duration

	// Hint says what to look at when the host doesn't let rcprov in: one or two sentences.
	Hint string
}

// Own is a file of a user.
type Own struct {
	UID, GID int
	Path     string
}

// DefaultWithin is long enough for slow hosts, and short enough to wait for on a bad day.
const DefaultWithin = 60 * time.Second

func (s Switch) unit() string { return "rcprov-deadman-" + s.Name }

// ErrNoSystemd is the error for a host on which systemd is not running: nothing there could restore the state.
var ErrNoSystemd = errors.New("systemd is not running on the host")

// A RevertedError says that a change was made but not confirmed.
type RevertedError struct {
	Name    string
	Port    int // where the login was tried; 0: the one in use
	Tries   int
	Took    time.Duration
	Err     error // what the last try met
	Outcome State // Restored, or what is known
	Now     error // why the state after that is unknown, or the host still refuses a login; nil: a login works
}

func (e *RevertedError) Error() string {
	var b strings.Builder
	b.WriteString("after the change the host did not let rcprov in anew")
	if e.Port != 0 {
		fmt.Fprintf(&b, " at port %d", e.Port)
	}
	times := "once"
	if e.Tries != 1 {
		times = fmt.Sprintf("%d times", e.Tries)
	}
	fmt.Fprintf(&b, " (tried %s in %s): %v", times, e.Took.Round(100*time.Millisecond), e.Err)
	switch {
	case errors.As(e.Now, new(*modules.CommandError)):
		fmt.Fprintf(&b, "; the host could not put the previous state back: %v", e.Now)
	case e.Outcome == Restored && e.Now == nil:
		b.WriteString("; the previous state is back, and a new login works again")
	case e.Outcome == Restored:
		fmt.Fprintf(&b, "; the previous state is back, but a new login still fails: %v", e.Now)
	default:
		fmt.Fprintf(&b, "; whether the host has put the previous state back is unknown: %v", e.Now)
	}
	return b.String()
}

func (e *RevertedError) Unwrap() error { return e.Err }

// Is makes it [modules.ErrSettled], unless a new login worked: then a lost connection or a long absence of rcprov kept the
// change from being made or confirmed in time, and nothing speaks against it.
func (e *RevertedError) Is(target error) bool {
	letIn := errors.Is(e.Err, errEarly) || errors.Is(e.Err, errGone) || errors.Is(e.Err, errLate)
	return target == modules.ErrSettled && !letIn
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)

// Change makes the change of s on h. What Apply printed is the result.
//
// When Apply fails, the error is its [*modules.CommandError] and the previous state is back. When the host doesn't let
// rcprov in anew, it is a [*RevertedError]. When ctx ends, the previous state is put back as well.
func Change(ctx context.Context, h modules.Host, s Switch) (modules.Result, error) {
	return change(ctx, h, s, hostPlace, patience)
}

// ErrTakeBack in an error of [Guard]'s work says that the previous state must come back.
var ErrTakeBack = errors.New("the previous state is back")

// Guard lets work make a change on h, under s, whose Apply it takes the place of. When work fails and the host still lets rcprov
// in anew, what work did stays, and the error is that of work; so it is if nobody knows how far work got (the error says neither
// [modules.ErrSettled] nor that a command failed), but then the previous state comes back. When the host doesn't let rcprov in
// anew, the error is a [*RevertedError].
func Guard(ctx context.Context, h modules.Host, s Switch, work func(context.Context) error) error {
	return guard(ctx, h, s, work, hostPlace, patience)
}

func guard(ctx context.Context, h modules.Host, s Switch, work func(context.Context) error, at place, wait waits) error {
	if s.Within == 0 {
		s.Within = DefaultWithin
	}
	s.Apply = ":"
	a := attempt{Switch: s, host: h, at: at, wait: wait, token: rand.Text(), began: time.Now()}
	result, err := a.apply(ctx)
	switch {
	case err != nil:
		return err
	case !a.made:
		return fmt.Errorf("arm the switch that would take the change back: the host answered %q", result.Stdout)
	}
	failed := work(ctx)
	if errors.Is(failed, ErrTakeBack) {
		if state, err := a.settle(context.WithoutCancel(ctx), true); state != Restored {
			return errors.Join(failed, err)
		}
		return failed
	}
	if failed != nil && !settled(failed) {
		_, _ = a.settle(context.WithoutCancel(ctx), true) // who looks at the host next meets the previous state, not one that will go
		return failed
	}
	modules.Progress(ctx, "logging in anew")
	e := a.login(ctx, true)
	if e == nil {
		return failed
	}
	return a.shutOut(ctx, e, true, failed)
}

// shutOut waits for the previous state after e, in which no login confirmed the change. works says that the old connection
// does; failed is the error of the change itself, and stays it if the answer to a confirmation was lost.
func (a *attempt) shutOut(ctx context.Context, e *RevertedError, works bool, failed error) error {
	modules.Progress(ctx, "no new login; waiting for the previous state")
	e.Outcome, e.Now = a.settle(context.WithoutCancel(ctx), works)
	if e.Outcome == Confirmed {
		return failed
	}
	err := error(e)
	if failed != nil {
		err = errors.Join(failed, e)
	}
	return modules.WithHint(err, "%s", strings.TrimSpace(a.advice(e)))
}

// settled reports whether the change that ended with err was tried to its end.
func settled(err error) bool {
	return errors.Is(err, modules.ErrSettled) || errors.As(err, new(*modules.CommandError))
}

// advice is the hint for e.
func (a *attempt) advice(e *RevertedError) string {
	if e.Outcome == Restored {
		return a.Hint
	}
	return fmt.Sprintf("The host restores by itself until %s (%s.timer; `systemctl status %s` there). Wait and run the same command again; "+
		"if it can't be reached then, use its console. ", a.began.Add(a.Within).Format("15:04:05 MST"), a.unit(), a.unit()) + a.Hint
}

// waits bound the patience of the controller. Restoring does not depend on them.
type waits struct {
	login  time.Duration // for the host to let us in: a firewall that drops packets won't change its mind
	settle time.Duration // for an answer to "how does it stand?"
	pause  time.Duration // before the second try; doubled each time: sshd may take offence at many logins
}

var patience = waits{login: 20 * time.Second, settle: 30 * time.Second, pause: 500 * time.Millisecond}

func change(ctx context.Context, h modules.Host, s Switch, at place, wait waits) (modules.Result, error) {
	if !validName.MatchString(s.Name) {
		return modules.Result{}, fmt.Errorf("bug: a switch can't be named %q", s.Name)
	}
	if s.Within == 0 {
		s.Within = DefaultWithin
	}
	applying, cancel := context.WithCancel(ctx)
	defer cancel()
	a := attempt{Switch: s, host: h, at: at, wait: wait, token: rand.Text(), began: time.Now(), ended: make(chan applied, 1)}
	go func() {
		result, err := a.apply(applying)
		a.ended <- applied{result, err}
	}()
	// A connection that hangs doesn't keep us from logging in again. It could also be a change that takes long.
	done, ok := a.await(s.Within / 2)
	if done.err != nil {
		return done.result, done.err
	}
	modules.Progress(ctx, "logging in anew")
	e := a.login(ctx, ok)
	if !ok {
		if done, ok = a.await(time.Second); done.err != nil {
			return done.result, done.err
		}
	}
	if e == nil {
		return done.result, nil
	}
	return done.result, a.shutOut(ctx, e, ok, nil)
}

// attempt is one use of a switch.
type attempt struct {
	Switch
	host  modules.Host
	at    place
	wait  waits
	token string // distinguishes this attempt from others
	began time.Time
	ended chan applied // gets how making the change ended
	made  bool         // the host said that Apply succeeded
}

// applied is how making the change ended.
type applied struct {
	result modules.Result
	err    error
}

// await waits for the end of making the change; false: it has not ended in that time.
func (a *attempt) await(d time.Duration) (applied, bool) {
	select {
	case done := <-a.ended:
		return done, true
	case <-time.After(d):
		return applied{}, false
	}
}

// apply makes the change. No error means that it may have been made: when the connection broke, a new one will tell.
func (a *attempt) apply(ctx context.Context) (modules.Result, error) {
	result, err := a.host.Run(ctx, modules.Command{Argv: []string{"sh", "-eu", "-s"}, Stdin: []byte(a.change(a.at, a.token))})
	var failed *modules.CommandError
	text, armed := strings.CutPrefix(string(result.Stdout), "armed\n")
	switch {
	case errors.As(err, &failed) && !armed:
		return result, modules.WithHint(fmt.Errorf("arm the switch that would take the change back: %w", err),
			"Nothing was changed. The change is made only when the host can take it back by itself, with %s and systemd.", a.at.state)
	case err != nil:
		return result, nil //nolint:nilerr // the new connection will tell
	}
	head, rest, _ := strings.Cut(text, "\n")
	result.Stdout = []byte(rest)
	word, details, _ := strings.Cut(head, " ")
	switch word {
	case "applied":
		a.made = true
		return result, nil
	case "no-systemd":
		return result, modules.WithHint(fmt.Errorf("can't make a change that could lock us out: %w", ErrNoSystemd),
			"rcprov makes such a change only where the host can take it back by itself, with a timer of systemd.")
	case "stale":
		return result, modules.WithHint(fmt.Errorf("a change of %s that an earlier run made and nobody confirmed was just taken back", a.Name),
			"Run the same command again: it starts from the state that is there now.")
	case "failed", "late":
		status, outcome, _ := strings.Cut(details, " ")
		result.Status, _ = strconv.Atoi(status)
		err := error(modules.NewCommandError(modules.Command{Script: a.Apply}, result))
		if word == "late" {
			err = fmt.Errorf("the change was not made within %s", a.Within)
		}
		if outcome == string(Restored) {
			return result, fmt.Errorf("%w; the previous state is back", err)
		}
		return result, modules.WithHint(fmt.Errorf("%w; the previous state could not be put back", err),
			"`journalctl -u %s` and %s/%s on the host say why; the previous files are in saved there.", a.unit(), a.at.state, a.Name)
	default:
		return result, fmt.Errorf("change %s: the host answered %q", a.Name, head)
	}
}

// login logs in again and confirms. The error is that of the last try; nil: it is confirmed. Only a login that began
// after the change was complete proves anything; if it is unknown whether it is, the first login asks.
func (a *attempt) login(ctx context.Context, made bool) *RevertedError {
	began := time.Now()
	deadline := a.began.Add(a.Within)
	if patient := began.Add(a.wait.login); made && patient.Before(deadline) {
		deadline = patient
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	e := &RevertedError{Name: a.Name, Port: a.Port}
	for pause := a.wait.pause; ; pause *= 2 {
		e.Tries++
		err := a.confirm(ctx, made)
		if errors.Is(err, errMade) {
			made = true
			err = a.confirm(ctx, made)
		}
		switch { // what ended a try from outside says less than what another one met
		case err == nil:
			return nil
		case ctx.Err() == nil && time.Now().Before(deadline):
			e.Err = withoutHint(err)
		case e.Err == nil:
			e.Err = errNoAnswer
		}
		if errors.Is(err, errEarly) {
			pause = a.wait.pause // it lets us in: no need to be shy
		}
		if errors.Is(err, errLate) || sleep(ctx, pause) != nil {
			e.Took = time.Since(began)
			return e
		}
	}
}

// withoutHint takes away advice that is for a host which can't be reached at all.
func withoutHint(err error) error {
	for hinted := (*modules.HintError)(nil); errors.As(err, &hinted); {
		err = hinted.Err
	}
	return err
}

// errNoAnswer means that the host accepts no connection and refuses none.
var errNoAnswer = errors.New("no answer")

// errLate means that the switch was decided before the login.
var errLate = errors.New("it did, but too late: the host was already putting the previous state back")

// errGone means that the host knows nothing of the change: the old connection broke before it began.
var errGone = errors.New("it did, but nothing of the change is there")

// errEarly means that the change is not complete yet, errMade that it was completed before the login or during it.
var (
	errEarly = errors.New("the change takes too long")
	errMade  = errors.New("the change is made")
)

// confirm confirms over a new connection; if it is not known to be newer than the change, it only asks whether the
// change is made.
func (a *attempt) confirm(ctx context.Context, newer bool) error {
	conn, err := a.host.Reconnect(ctx, a.Port)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	answers := map[string]error{string(Confirmed): nil, "late": errLate, "gone": errGone, "early": errEarly, "applied": errMade}
	script := a.script(a.at, a.token, confirmScript, shell.Vars{"newer": shell.YesNo(newer)})
	result, err := conn.Run(ctx, modules.Command{Script: script})
	if err != nil {
		return err
	}
	answer := strings.TrimSpace(string(result.Stdout))
	err, ok := answers[answer]
	if !ok {
		return fmt.Errorf("confirm: the host answered %q", answer)
	}
	return err
}

// settle lets the host decide: over the old connection if that still works, else it waits for the timer and asks over
// new ones. Then it checks whether a new login works.
func (a *attempt) settle(ctx context.Context, works bool) (state State, err error) {
	if works {
		if state, err = a.ask(ctx, a.host); err == nil && state != Restored {
			return state, nil
		}
	}
	if state != Restored { // wait for the timer
		_ = sleep(ctx, time.Until(a.began.Add(a.Within+time.Second)))
	}
	for until := time.Now().Add(a.wait.settle); ; {
		again, err := a.askAnew(ctx)
		if err == nil {
			return again, nil
		}
		if time.Now().After(until) || sleep(ctx, 2*a.wait.pause) != nil {
			return state, err
		}
	}
}

func (a *attempt) ask(ctx context.Context, h modules.Host) (State, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.wait.settle, errNoAnswer)
	defer cancel()
	result, err := h.Run(ctx, modules.Command{Script: a.script(a.at, a.token, settleScript, nil)})
	state := State(strings.TrimSpace(string(result.Stdout)))
	if err == nil && state != Restored && state != Confirmed {
		err = fmt.Errorf("the host answered %q", state)
	}
	return state, err
}

func (a *attempt) askAnew(ctx context.Context) (State, error) {
	connecting, cancel := context.WithTimeoutCause(ctx, a.wait.settle, errNoAnswer)
	defer cancel()
	conn, err := a.host.Reconnect(connecting, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	return a.ask(ctx, conn)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
