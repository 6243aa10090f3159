package engine

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// The lock is flock(2) on a file in /run, held by the root shell of the connection. It ends with the connection, at the
// latest when sshd notices that the client is gone. That may take hours after a laptop was closed, so the holder touches
// a file every lockBeat, and a lock whose holder has not done so for lockStale is taken over. A run whose connection broke
// takes over its own lock at once.
const (
	lockBeat  = 15 * time.Second
	lockStale = 90 * time.Second
)

//go:embed lock.sh
var lockScript string

// A run waits for what a dead run left running before it observes the host: jobs (modules/internal/job: apt or npm, say,
// which continue without their run), and commands, which hold a busy file. Each question waits for busyStep only, so that
// the person sees what is happening.
const (
	jobWait  = 15 * time.Minute // also for commands of this run, which may take long
	busyWait = time.Minute      // short, because a daemon that a command started holds the file for ever
	busyStep = 2 * time.Second
)

// busyFile returns the file that the commands of the host's nth change hold. Each change has its own, which is removed when
// the change is done: only a daemon can still hold it then, and nobody waits for that.
func busyFile(n int) string { return fmt.Sprintf("/run/rcprov/busy.%d", n) }

// keepBusy returns what runs before each command of the nth change: the command holds the busy file as long as it or one of
// its children lives, even after the connection that started it has ended.
func keepBusy(n int) string {
	return fmt.Sprintf("[ -d /run/rcprov ] || mkdir -m 0700 /run/rcprov; exec 8>>%[1]s; flock -s -w %[2]d 8 || "+
		"{ echo 'rcprov waited %[2]d seconds for %[1]s, which another process holds' >&2; exit 1; }", busyFile(n), int(busyWait.Seconds()))
}

// forget runs at the orderly end of a run. It removes the busy files, so that the next run doesn't wait for a daemon that
// still holds one. It also removes what was prepared, by this run or by one that was killed: only a run with the lock may
// do that.
const forget = "rm -rf --one-file-system " + modules.PreparedDir + "\n" +
	"rmdir --ignore-fail-on-non-empty /var/cache/rcprov 2>/dev/null || :\n" +
	"rm -f /run/rcprov/busy.* /run/rcprov/holder\n"

// holder describes a run to others that find its lock.
type holder struct {
	By    string    `json:"by"`
	Run   string    `json:"run"`
	Host  string    `json:"host"` // what the run's plan calls the host
	Plan  string    `json:"plan"`
	Since time.Time `json:"since"`
}

// mine returns the part of a holder's JSON that identifies this host in this run. Another host of the run may be the same
// machine: two blocks with one address.
func (h *host) mine() string {
	name, _ := json.Marshal(h.Name) // a string can't fail
	return fmt.Sprintf(`"run":"%s","host":%s`, h.run.id, name)
}

// LockedError is the error of a host whose lock is held by another run, or by another host of the same run.
type LockedError struct {
	By, Run, Plan string
	Since         time.Time
	Twin          string // the host of this run that has the lock; empty: it is another run
}

func (e *LockedError) Error() string {
	if e.Twin != "" {
		return fmt.Sprintf("this machine is also the host %q of the plan, which is being changed", e.Twin)
	}
	if e.By == "" {
		return "another run of rcprov is changing this host"
	}
	return fmt.Sprintf("%s has been changing this host since %s with %s (run %s)",
		e.By, e.Since.Format("15:04:05 MST"), e.Plan, e.Run)
}

// lock is a run's hold on a host: the host's lock, and the journal, which only its holder writes. Both live as long as the
// connection over which the lock was taken.
type lock struct {
	journal *journal // nil while the run doesn't hold the lock
	taken   bool     // the run held it at some time, so that what is busy on the host may be its own
}

func (l *lock) held() bool { return l.journal != nil }

// lose ends the hold, whose connection broke. It returns the scripts of entries that may not have been written.
func (l *lock) lose() (unwritten []string) {
	if !l.held() {
		return nil
	}
	unwritten = l.journal.close()
	l.journal = nil
	return unwritten
}

// release ends the hold at the end of the run; the lock itself ends with conn.
func (l *lock) release(conn Conn) {
	if !l.held() {
		return
	}
	l.lose()
	ctx, cancel := context.WithTimeout(context.Background(), journalTimeout)
	defer cancel()
	_, _, _ = conn.Ask(ctx, forget) // without it the next run may wait for a daemon that still holds a busy file
}

// takeLock takes the lock for a run that doesn't hold it yet. A connection that breaks meanwhile is replaced.
func (h *host) takeLock(ctx context.Context) error {
	for {
		err := h.waitForLock(ctx)
		lost := h.link.conn.Lost()
		if err == nil || lost == nil {
			return err
		}
		if err := h.reconnect(ctx, lost); err != nil {
			return err
		}
	}
}

// waitForLock takes the host's lock for the rest of the connection. It waits a little for another run to end: a run that was
// just killed holds the lock until sshd notices, which may take the kernel some retransmissions.
func (h *host) waitForLock(ctx context.Context) error {
	h.doing("", "locking")
	started := h.run.Now()
	for {
		err := h.tryLock(ctx)
		patience, pause := time.Duration(0), time.Second
		var held *LockedError
		var busy *BusyError
		switch {
		case errors.As(err, &held):
			patience = h.run.LockWait
		case errors.As(err, &busy):
			patience, pause = busy.patience(), 0
		}
		if h.run.Now().Sub(started) >= patience || !sleep(ctx.Done(), pause) {
			return err
		}
		if busy != nil {
			h.doing("", busy.waiting())
		} else {
			h.doing("", "waiting: "+err.Error())
		}
	}
}

// BusyError is the error of a host on which something is still running that a dead run started, or that this run started
// over a connection that broke.
type BusyError struct {
	Job    string // name of the job; empty: a command
	Own    bool   // started by this run
	Output string // the last line that the job printed
}

func (e *BusyError) Error() string { return e.what() + " is still running" }

func (e *BusyError) what() string {
	what, whose := "a command", " of an earlier run, which is dead,"
	if e.Job != "" {
		what = fmt.Sprintf("rcprov-%s.service", e.Job)
	}
	if e.Own {
		whose = ", started before the connection broke,"
	}
	return what + whose
}

// waiting describes what the run waits for.
func (e *BusyError) waiting() string {
	text := "waiting for " + strings.TrimSuffix(e.what(), ",")
	if e.Output != "" {
		text += ": " + e.Output
	}
	return text
}

func (e *BusyError) patience() time.Duration {
	if e.Job != "" || e.Own {
		return jobWait
	}
	return busyWait
}

func (h *host) tryLock(ctx context.Context) error {
	me, err := json.Marshal(holder{By: h.run.By, Run: h.run.id, Host: h.Name, Plan: h.run.Options.Plan.Path, Since: h.run.Now().UTC()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	stdout, stderr, err := h.link.conn.Ask(ctx, shell.Script(lockScript, shell.Vars{
		"holder": string(me), "mine": h.mine(),
		"stale": strconv.Itoa(int(lockStale.Seconds())), "step": strconv.Itoa(int(busyStep.Seconds())),
	}))
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	answer := strings.TrimSpace(string(stdout))
	switch {
	case answer == "locked":
		h.lock = lock{journal: newJournal(ctx, h.link.conn, h.journalFailed), taken: true}
		go keepLock(h.link.conn)
		return nil
	case strings.HasPrefix(answer, "busy "):
		file, output, _ := strings.Cut(strings.TrimPrefix(answer, "busy "), "\n")
		e := &BusyError{Own: h.lock.taken, Output: strings.TrimSpace(output)}
		if dir, isJob := strings.CutSuffix(file, "/lock"); isJob {
			e.Job = path.Base(dir)
		}
		return e.withHint(file)
	case strings.HasPrefix(answer, "not root "):
		name, _, _ := strings.Cut(strings.TrimPrefix(answer, "not root "), "\n")
		return modules.WithHint(fmt.Errorf("%s is logged in, who is not root and does not become it", name),
			"Only root can change a host. Leave `become = \"none\"` out of the host block, so that sudo is used, or log in as root.")
	case strings.HasPrefix(answer, "held "):
		_, description, _ := strings.Cut(answer, "\n")
		var other holder
		_ = json.Unmarshal([]byte(description), &other) // if it fails, the error names nobody
		switch {
		case other.Run == h.run.id && other.Host == h.Name: // a program that our old shell was running when it was killed holds it
			return (&BusyError{Own: true}).withHint("/run/rcprov/lock")
		case other.Run == h.run.id:
			return modules.WithHint(&LockedError{Twin: other.Host},
				"Give the machine only one host block. It may be in several groups and several plays.")
		}
		return modules.WithHint(&LockedError{By: other.By, Run: other.Run, Plan: other.Plan, Since: other.Since},
			"Wait until that run has ended. The lock of a run that died is taken over after %d seconds.", int(lockStale.Seconds()))
	default:
		return fmt.Errorf("lock: %s", strings.TrimSpace(answer+" "+string(stderr)))
	}
}

// withHint adds what to do about the process that holds a file.
func (e *BusyError) withHint(file string) error {
	return modules.WithHint(e, "rcprov waited %s for it. `sudo fuser -v %s` on the host shows what it is: end it or wait longer, "+
		"then run the same command again. If it is a daemon that should keep running, remove that file.", modules.Span(e.patience()), file)
}

// keepLock shows other runs that the holder lives, until the connection ends.
func keepLock(conn Conn) {
	for {
		time.Sleep(lockBeat)
		ctx, cancel := context.WithTimeout(context.Background(), lockStale)
		_, _, err := conn.Ask(ctx, "touch /run/rcprov/holder\n")
		cancel()
		if err != nil {
			return // the connection is gone; whatever uses it notices that itself
		}
	}
}

// busyHost is a host whose commands keep a busy file.
type busyHost struct {
	modules.Host
	change int // its number on the host, from 1; 0: not a change, but preparing
}

// Run implements [modules.Host].
func (b busyHost) Run(ctx context.Context, c modules.Command) (modules.Result, error) {
	c.Before = keepBusy(b.change)
	return b.Host.Run(ctx, c)
}
