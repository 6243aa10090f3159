package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// The lock is flock(2) on a file in /run, held by the root shell of the connection: it ends with the connection, at
// the latest when sshd notices that the other side is gone. That may take hours when a laptop was closed, so the
// holder touches a file while it lives, and a lock whose holder has not done so for lockStale is taken over.
const (
	lockBeat  = 15 * time.Second
	lockStale = 90 * time.Second
)

// lockScript prints "locked", or "held AGE_SECONDS" and the holder's description. Its file descriptor stays open in
// the shell that runs it. Commands of an earlier run that still run, though their run is dead, hold the busy file
// ([modules.KeepBusy]): they are waited for.
const lockScript = `
umask 022
mkdir -p /run/rcprov
holder=%s
exec 9>>/run/rcprov/lock
age=0
if ! flock -n 9; then
	pid=$(head -n 1 /run/rcprov/holder 2>/dev/null || :)
	age=$(($(date +%%s) - $(stat -c %%Y /run/rcprov/holder 2>/dev/null || echo 0)))
	if [ "$age" -gt %d ] && [ "$(readlink "/proc/$pid/fd/9")" = /run/rcprov/lock ] && kill -9 "$pid" && flock -w 10 9; then
		age=0
	else
		age="held $age"
	fi
fi
if [ "$age" = 0 ]; then
	printf '%%s\n%%s\n' "$$" "$holder" >/run/rcprov/holder.new
	mv -f /run/rcprov/holder.new /run/rcprov/holder
	exec 8>>/run/rcprov/busy
	if flock -w %d 8; then echo locked; else echo busy; fi
	exec 8>&-
else
	exec 9>&-
	printf '%%s\n' "$age"
	tail -n +2 /run/rcprov/holder
fi
`

// busyWait is for how long a new run waits for commands that a dead one left running: apt or npm, say, which go on
// without it. One question waits for busyStep, so that the person sees what is going on.
const (
	busyWait = 15 * time.Minute
	busyStep = 5 * time.Second
)

// holder describes a run to others that find its lock.
type holder struct {
	By    string    `json:"by"`
	Run   string    `json:"run"`
	Plan  string    `json:"plan"`
	Since time.Time `json:"since"`
}

// LockedError says that another run holds a host's lock.
type LockedError struct {
	By, Run, Plan string
	Since         time.Time
}

func (e *LockedError) Error() string {
	if e.By == "" {
		return "another run of rcprov is changing this host"
	}
	return fmt.Sprintf("%s has been changing this host since %s with %s (run %s)",
		e.By, e.Since.Format("15:04:05 MST"), e.Plan, e.Run)
}

// lock takes the host's lock for the rest of the connection. It waits a little for another run to end: one that was
// killed just now holds the lock until sshd has noticed, which may take the kernel some retransmissions.
func (h *host) lock(ctx context.Context) error {
	h.doing("", "locking")
	started := h.run.Now()
	for {
		err := h.tryLock(ctx)
		patience, pause := time.Duration(0), time.Second
		var held *LockedError
		switch {
		case errors.As(err, &held):
			patience = h.run.LockWait
		case errors.Is(err, errBusy):
			patience, pause = busyWait, 0
		}
		if h.run.Now().Sub(started) >= patience || !sleep(ctx.Done(), pause) {
			return err
		}
		h.doing("", "waiting: "+err.Error())
	}
}

// errBusy says that commands of a dead run are still at work.
var errBusy = errors.New("a command of an earlier run, which is dead, is still at work here")

func (h *host) tryLock(ctx context.Context) error {
	me, err := json.Marshal(holder{By: h.run.By, Run: h.run.id, Plan: h.run.Options.Plan.Path, Since: h.run.Now().UTC()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	stdout, stderr, err := h.conn.Ask(ctx, fmt.Sprintf(lockScript, observe.Quote(string(me)), int(lockStale.Seconds()), int(busyStep.Seconds())))
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	answer := strings.TrimSpace(string(stdout))
	switch {
	case answer == "locked":
		h.locked, h.journal = true, newJournal(ctx, h.conn)
		go h.keepLock()
		return nil
	case answer == "busy":
		return modules.WithHint(errBusy,
			"It was waited for %s. `sudo fuser -v /run/rcprov/busy` on the host says which it is: end it, or wait longer, "+
				"then run the same command again.", busyWait)
	case strings.HasPrefix(answer, "held "):
		_, description, _ := strings.Cut(answer, "\n")
		var other holder
		_ = json.Unmarshal([]byte(description), &other) // without it the error just names nobody
		return modules.WithHint(&LockedError{By: other.By, Run: other.Run, Plan: other.Plan, Since: other.Since},
			"Wait until that run has ended. A run that died is noticed after %d seconds and taken over.", int(lockStale.Seconds()))
	default:
		return fmt.Errorf("lock: %s", strings.TrimSpace(answer+" "+string(stderr)))
	}
}

// keepLock shows others that the holder lives, until the connection ends.
func (h *host) keepLock() {
	for {
		time.Sleep(lockBeat)
		ctx, cancel := context.WithTimeout(context.Background(), lockStale)
		_, _, err := h.conn.Ask(ctx, "touch /run/rcprov/holder\n")
		cancel()
		if err != nil {
			return // the connection is gone; whoever works on it learns so by itself
		}
	}
}

// busyHost is a host whose commands keep the busy file.
type busyHost struct{ modules.Host }

// Run implements [modules.Host].
func (b busyHost) Run(ctx context.Context, c modules.Command) (modules.Result, error) {
	c.Before = modules.KeepBusy
	return b.Host.Run(ctx, c)
}
