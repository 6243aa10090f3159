// Package job runs commands that outlive the connection: a library for modules, on top of modules.Host.
//
// What takes long (apt, npm, downloads, migrations) runs on the host as a transient systemd unit, rcprov-NAME.service,
// so that a dropped connection or a killed rcprov does not kill dpkg half way. [Run] follows it. A later run finds the
// unit by its name and waits for it before it starts anything of its own.
//
// Everything of a job is in /run/rcprov/jobs/NAME, which is on a tmpfs and only for root: the shell script (it may
// hold secrets; it removes itself first, and neither argv nor a unit property ever has them), the output,
// the exit status. Nothing of it is left when Run returns a result, and a reboot leaves nothing either.
//
// Following is a long poll: the script on the host waits for the end or for new output, so that a silent hour costs
// one round trip every 30 seconds, and a job's end is seen at once.
package job

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// A Job is a command that runs to its end whatever happens to the connection.
type Job struct {
	// Name distinguishes jobs of a host: letters, digits and dashes. Jobs with the same name never run together.
	Name string

	// Command is what runs. HOME is /root unless Env says otherwise.
	Command modules.Command

	// Progress turns the last line that the command printed into what modules.Progress reports. Lines for which
	// it returns "" are not reported; nil reports every line.
	Progress func(line string) string
}

// Unit returns the name of the job's systemd unit.
func (j Job) Unit() string { return "rcprov-" + j.Name + ".service" }

// ErrNoSystemd is the error for a host on which systemd is not running: a container with another init.
var ErrNoSystemd = errors.New("systemd is not running on the host")

// ErrLost is the error for a job that ended without an exit status: it was killed, or the host was rebooted.
var ErrLost = errors.New("was killed before it ended")

// MaxOutput is how many bytes of each output stream Run returns: the last ones.
const MaxOutput = 256 << 10

// Run runs the job on h and waits for its end.
//
// A unit of the same name that is running already is waited for. When it was started for the same command its result
// becomes the result of this call, otherwise the command is run after it. What ended before Run was called is not
// adopted: whether it is still needed has been observed since.
//
// When the command ended with another status than 0, the error is a [*modules.CommandError]. [ErrLost] and
// [ErrNoSystemd] can be tested for. After any other error (ctx done, connection lost) the job may still be running on
// the host: a run that has the host's lock waits for it (package engine).
func Run(ctx context.Context, h modules.Host, j Job) (modules.Result, error) {
	return run(ctx, h, j, onHost)
}

// place is where a host keeps jobs; tests use another one.
type place struct {
	jobs   string
	booted string // exists where systemd is running, sd_booted(3)
}

var onHost = place{jobs: "/run/rcprov/jobs", booted: "/run/systemd/system"}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)

func run(ctx context.Context, h modules.Host, j Job, at place) (modules.Result, error) {
	if !validName.MatchString(j.Name) {
		return modules.Result{}, fmt.Errorf("bug: a job can't be named %q", j.Name)
	}
	c := j.Command
	if c.User == "" {
		c.Env = append([]string{"HOME=/root"}, c.Env...)
	}
	script := c.Shell() // also the identity of the command
	hash := sha256.Sum256([]byte(script))
	f := follower{
		host: h, job: j, script: script,
		dir: at.jobs + "/" + j.Name, booted: at.booted, hash: hex.EncodeToString(hash[:]),
	}
	result, err := f.follow(ctx)
	if err != nil {
		return modules.Result{}, err
	}
	if result.Status != 0 {
		return result, modules.NewCommandError(j.Command, result)
	}
	return result, nil
}

type follower struct {
	host   modules.Host
	job    Job
	script string // the command
	dir    string // of the job
	booted string // see place
	hash   string // of the script
}

// follow starts or finds the job and polls until it has ended, then removes what it left on the host.
func (f *follower) follow(ctx context.Context) (modules.Result, error) {
	following, seen, said := false, "0,0,", ""
	for {
		reply, err := f.poll(ctx, following, seen)
		var failed *modules.CommandError
		switch {
		case err == nil:
		case errors.As(err, &failed):
			return modules.Result{}, fmt.Errorf("start %s on the host: %w", f.job.Unit(), err)
		default:
			return modules.Result{}, modules.WithHint(fmt.Errorf("follow %s on the host: %w", f.job.Unit(), err),
				"It goes on without rcprov: the next run finds it and waits for it. `systemctl status %s` on the host shows it.", f.job.Unit())
		}
		head, rest, _ := bytes.Cut(reply.Stdout, []byte("\n"))
		a, err := parseAnswer(string(head))
		if err != nil {
			return modules.Result{}, fmt.Errorf("follow %s on the host: %w", f.job.Unit(), err)
		}
		switch a.state {
		case noSystemd:
			return modules.Result{}, modules.WithHint(fmt.Errorf("can't start %s: %w", f.job.Unit(), ErrNoSystemd),
				"rcprov starts what takes long under systemd, so that it survives a lost connection. Use a host whose init is systemd.")
		case lost:
			return modules.Result{}, modules.WithHint(fmt.Errorf("%s %w", f.job.Unit(), ErrLost),
				"Run the same command again; `journalctl -u %s` on the host may say why.", f.job.Unit())
		case ended:
			return modules.Result{Stdout: rest, Stderr: reply.Stderr, Status: a.status}, f.remove(ctx)
		}
		following, seen = a.state == running, a.seen
		if line := f.line(a.state, string(rest)); line != "" && line != said {
			said = line
			modules.Progress(ctx, "%s", line)
		}
	}
}

//go:embed follow.sh
var followScript string

// poll runs the script once. The command goes along until the host is known to run it.
func (f *follower) poll(ctx context.Context, following bool, seen string) (modules.Result, error) {
	c := modules.Command{Script: shell.Script(followScript, shell.Vars{
		"name": f.job.Name, "dir": f.dir, "booted": f.booted, "hash": f.hash,
		"following": shell.YesNo(following), "seen": seen, "max": strconv.Itoa(MaxOutput),
	})}
	if !following {
		c.Stdin = []byte(f.script)
	}
	return f.host.Run(ctx, c)
}

// line is the progress to report.
func (f *follower) line(state state, last string) string {
	if last = strings.TrimSpace(last); last != "" && f.job.Progress != nil {
		last = f.job.Progress(last)
	}
	if state != other {
		return last
	}
	return strings.TrimSuffix("waiting for "+f.job.Unit()+" of an earlier run: "+last, ": ")
}

// remove removes the files of a job that has ended.
func (f *follower) remove(ctx context.Context) error {
	_, err := f.host.Run(ctx, modules.Command{Argv: []string{"rm", "-rf", "--", f.dir}})
	if err != nil {
		return fmt.Errorf("remove what %s left on the host: %w", f.job.Unit(), err)
	}
	return nil
}

// state is the first word of the host's answer.
type state string

const (
	running   state = "running"    // SEEN, then the last line of output
	other     state = "other"      // the same of a job with another command
	ended     state = "ended"      // STATUS, then all of its output
	lost      state = "lost"       // no exit status
	noSystemd state = "no-systemd" // nothing was started
)

// answer is the first line of what the script printed.
type answer struct {
	state  state
	seen   string // position in the output, for the next poll
	status int
}

func parseAnswer(line string) (answer, error) {
	word, rest, _ := strings.Cut(line, " ")
	a := answer{state: state(word)}
	var err error
	switch a.state {
	case running, other:
		a.seen = rest
	case ended:
		a.status, err = strconv.Atoi(rest)
	case lost, noSystemd:
	default:
		err = fmt.Errorf("the host answered %q", line)
	}
	return a, err
}
