// Package rcprov runs the built binary as a person at a laptop does, and reads what it says to machines.
package rcprov

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rcprov/rcprov/e2e/lab"
)

// Binary returns the path of the binary: RCPROV_BIN, or else bin/rcprov of the module, built once by this process.
var Binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("RCPROV_BIN"); path != "" {
		return filepath.Abs(path)
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(module)), "bin", "rcprov")
	build := exec.Command("go", "build", "-o", path, "github.com/rcprov/rcprov/cmd/rcprov")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rcprov: %w\n%s", err, out)
	}
	return path, nil
})

// A Laptop is a home directory from which rcprov is run: known_hosts and ssh_config of its own, nothing of the
// person's whose machine this is.
type Laptop struct {
	Home string
	Env  []string // NAME=value, in addition

	binary string
}

// NewLaptop makes a laptop in the empty directory dir that knows the keys of hosts.
func NewLaptop(dir string, hosts ...*lab.Host) (*Laptop, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	l := &Laptop{Home: dir, binary: binary}
	var known []byte
	for _, h := range hosts {
		lines, err := os.ReadFile(h.KnownHosts)
		if err != nil {
			return nil, err
		}
		known = append(known, lines...)
	}
	config := "UserKnownHostsFile " + l.KnownHosts() + "\n"
	return l, errors.Join(
		os.Mkdir(filepath.Join(dir, ".ssh"), 0o700),
		os.WriteFile(l.KnownHosts(), known, 0o600),
		os.WriteFile(l.SSHConfig(), []byte(config), 0o600))
}

// KnownHosts is the path of the laptop's known_hosts file.
func (l *Laptop) KnownHosts() string { return filepath.Join(l.Home, ".ssh", "known_hosts") }

// SSHConfig is the path of the laptop's ssh_config file, which is given to rcprov by --ssh-config: like ssh, it asks
// the user database for the home directory, not $HOME.
func (l *Laptop) SSHConfig() string { return filepath.Join(l.Home, ".ssh", "config") }

// WriteFile writes a file into the home directory, a plan for example, and returns its path.
func (l *Laptop) WriteFile(name, content string) (string, error) {
	path := filepath.Join(l.Home, name)
	return path, os.WriteFile(path, []byte(content), 0o600)
}

// Setenv sets a variable of the environment.
func (l *Laptop) Setenv(name, value string) {
	l.Env = slices.DeleteFunc(l.Env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	l.Env = append(l.Env, name+"="+value)
}

// HostBlock returns a host block of a plan for h, which logs in as the user with sudo; extra are more lines of it.
func HostBlock(h *lab.Host, label string, extra ...string) string {
	return fmt.Sprintf("host %q {\n  address       = %q\n  port          = %d\n  user          = %q\n  identity_file = %q\n%s}\n",
		label, h.Address, h.Port, lab.User, h.KeyFile, strings.Join(append(extra, ""), "\n"))
}

// Command returns a command for rcprov that is not started yet. Commands that connect get the laptop's ssh_config.
func (l *Laptop) Command(ctx context.Context, args ...string) *exec.Cmd {
	switch args[0] {
	case "apply", "plan", "facts", "history":
		args = append(args[:len(args):len(args)], "--ssh-config", l.SSHConfig())
	case "run", "logs": // what follows -- is not for rcprov
		args = append([]string{args[0], "--ssh-config", l.SSHConfig()}, args[1:]...)
	}
	return l.command(ctx, l.binary, args...)
}

// Shell returns a command for a shell script on the laptop.
func (l *Laptop) Shell(ctx context.Context, script string) *exec.Cmd {
	return l.command(ctx, "/bin/sh", "-euc", script)
}

func (l *Laptop) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = l.Home
	cmd.Env = append([]string{"HOME=" + l.Home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, l.Env...)
	return cmd
}

// A Run is how rcprov ended and what it said.
type Run struct {
	Args     []string
	Exit     int // -1: killed
	Stdout   string
	Stderr   string
	Duration time.Duration
}

// Run runs rcprov to its end. The error is nil whenever it could be started.
func (l *Laptop) Run(ctx context.Context, args ...string) (Run, error) {
	return l.run(l.Command(ctx, args...), args)
}

// RunAndKill runs rcprov and kills it after a while, if it has not ended.
func (l *Laptop) RunAndKill(ctx context.Context, after time.Duration, args ...string) (Run, error) {
	ctx, cancel := context.WithTimeout(ctx, after)
	defer cancel()
	return l.run(l.Command(ctx, args...), args)
}

func (l *Laptop) run(cmd *exec.Cmd, args []string) (Run, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	r := Run{Args: args, Duration: time.Since(start), Stdout: stdout.String(), Stderr: stderr.String()}
	if cmd.ProcessState == nil {
		return r, fmt.Errorf("run rcprov: %w", err)
	}
	r.Exit = cmd.ProcessState.ExitCode()
	return r, nil
}

// String is the whole run, for the message of a test that fails; see [brief] for the lines of --json.
func (r Run) String() string {
	var out strings.Builder
	for line := range strings.Lines(r.Stdout) {
		out.WriteString(brief(line))
	}
	return fmt.Sprintf("rcprov %s: exit status %d after %s\n%s%s",
		strings.Join(r.Args, " "), r.Exit, r.Duration.Round(time.Millisecond), &out, r.Stderr)
}

// brief returns a line of --json without what a reader of many doesn't look at, and nothing at all for a step that was
// found as wanted. A line of anything else is left as it is.
func brief(line string) string {
	var event map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &event) != nil {
		return line
	}
	if string(event["type"]) == `"step_ok"` && string(event["change"]) == `{"edits":[]}` {
		return ""
	}
	var at time.Time
	var kind string
	if json.Unmarshal(event["time"], &at) != nil || json.Unmarshal(event["type"], &kind) != nil {
		return line
	}
	for _, key := range []string{"version", "time", "type", "run", "mode", "plan", "play", "index", "total", "per_host"} {
		delete(event, key)
	}
	rest, err := json.Marshal(event)
	if err != nil {
		return line
	}
	return fmt.Sprintf("%s %s %s\n", at.Format("05.000"), kind, rest)
}

// An Event is a line of `--json`, as far as tests read it.
type Event struct {
	Version int
	Type    string
	Play    string
	Host    string
	Step    string
	Change  Change
	Error   Error
}

// Error is why a host failed.
type Error struct {
	Summary string
}

// Change is what a step would change, or has changed.
type Change struct {
	Edits []Edit
}

// Edit is one difference. If is the condition under which it will be made; empty: it will.
type Edit struct {
	Action  string
	Subject string
	Field   string
	If      string
	Unless  string
	Or      string
}

// Events parses the output of a run with --json.
func (r Run) Events() ([]Event, error) {
	var events []Event
	for line := range strings.Lines(r.Stdout) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("--json: not an object: %q: %w", line, err)
		}
		if e.Version != 1 || e.Type == "" {
			return nil, fmt.Errorf("--json: no version 1 or no type: %q", line)
		}
		events = append(events, e)
	}
	return events, nil
}

// Steps returns the steps of all events of a type, in the order in which they happened.
func (r Run) Steps(eventType string) ([]string, error) {
	events, err := r.Events()
	var steps []string
	for _, e := range events {
		if e.Type == eventType {
			steps = append(steps, e.Step)
		}
	}
	return steps, err
}
