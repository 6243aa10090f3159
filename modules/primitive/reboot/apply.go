package reboot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
)

const (
	// patience is how long a host may take if the step has no timeout: servers check their memory for minutes.
	patience = 10 * time.Minute

	// tryFor is how long one login may take. A host that is going down may accept a connection and then say nothing.
	tryFor = 20 * time.Second

	firstPause, longestPause = 500 * time.Millisecond, 5 * time.Second
)

// identify prints what [boot.ID] is.
const identify = `read -r id </proc/sys/kernel/random/boot_id; read -r stat </proc/1/stat; set -- ${stat##*)}; shift 19; echo "$id $1"`

// Apply implements [modules.Step]. It returns when the host has booted anew and a login works.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if here() == w.Boot {
		return modules.WithHint(errors.New("this is the machine that rcprov runs on, which it doesn't reboot"),
			"Reboot it by hand, or apply the plan from another machine.")
	}
	if err := start(ctx, h, w); err != nil {
		return err
	}
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	return back(ctx, h, w.Boot, firstPause)
}

// start asks the host to reboot, unless it has done so since w was decided: a run that was killed may have asked before. A connection
// that breaks meanwhile is a host that goes down.
func start(ctx context.Context, h modules.Host, w work) error {
	r, err := h.Run(ctx, modules.Command{Script: identify})
	if err == nil && strings.TrimSpace(string(r.Stdout)) != w.Boot {
		return nil
	}
	if err == nil {
		_, err = h.Run(ctx, modules.Command{Argv: []string{"systemctl", "--no-block", "reboot"}})
	}
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return modules.WithHint(err, "`systemd-inhibit --list` and `systemctl list-jobs` on the host show what keeps it from rebooting.")
	}
	return nil
}

// back waits until the host has another boot than before.
func back(ctx context.Context, h modules.Host, before string, pause time.Duration) error {
	began, tries := time.Now(), 0
	var last error
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return notBack(h, time.Since(began), tries, last)
		}
		if pause *= 2; pause > longestPause {
			pause = longestPause
		}
		tries++
		is, err := ask(ctx, h)
		if err == nil && is != before {
			return nil
		}
		if ctx.Err() == nil || tries == 1 { // the end of ctx says less
			last = err
		}
		waited := modules.Span(time.Since(began).Round(time.Second))
		if err == nil {
			modules.Progress(ctx, "rebooting: it is going down (%s)", waited)
		} else {
			modules.Progress(ctx, "rebooting: %v (%s)", err, waited)
		}
	}
}

// ask logs in and returns which boot the host has.
func ask(ctx context.Context, h modules.Host) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	conn, err := h.Reconnect(ctx, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // it has answered, or won't
	r, err := conn.Run(ctx, modules.Command{Script: identify})
	return strings.TrimSpace(string(r.Stdout)), err
}

// A NotBackError is the error of a host that was told to reboot and is not back.
type NotBackError struct {
	Took  time.Duration
	Tries int
	Last  error // of the last try; nil: the host answered, and had not gone down
}

func (e *NotBackError) Error() string {
	took := modules.Span(e.Took.Round(time.Second))
	if e.Last == nil && e.Tries > 0 {
		return fmt.Sprintf("the host was told to reboot, and is still up %s later", took)
	}
	return fmt.Sprintf("the host did not come back from its reboot within %s (%d tries): %v", took, e.Tries, cmp.Or(e.Last, errors.New("no answer")))
}

// Unwrap says that the host is gone, and that this is final.
func (e *NotBackError) Unwrap() []error {
	all := []error{modules.ErrSettled}
	if e.Last != nil || e.Tries == 0 {
		all = append(all, modules.ErrUnreachable)
	}
	return all
}

func notBack(h modules.Host, took time.Duration, tries int, last error) error {
	err := &NotBackError{Took: took, Tries: tries, Last: last}
	if last == nil && tries > 0 {
		return modules.WithHint(err, "`systemctl list-jobs` on the host shows what its shutdown waits for, `systemd-inhibit --list` what forbids it. "+
			"If it takes that long, give the step a longer `timeout`.")
	}
	return modules.WithHint(err, "Look at the console of %s, which its provider or hypervisor shows: it says how far the boot got. "+
		"When the host answers again, run the same command again; if it only takes longer, give the step a longer `timeout`.", h.Name())
}

// here returns which boot this machine has; "" where that is unknown.
func here() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	stat, err := os.ReadFile("/proc/1/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const start = 19 // of those behind the name; proc_pid_stat(5) counts from 1, with the number and the name
	if len(fields) <= start {
		return ""
	}
	return strings.TrimSpace(string(id)) + " " + fields[start]
}
