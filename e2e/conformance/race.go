//go:build linux

package conformance

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2/hclsimple"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/internal/writes"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/modules/shell"
)

// A Race is a use of a module in a directory that belongs to alice, an ordinary user, or that she may write. It is a block
// of races.hcl. All scripts are run by the host's /bin/sh as root.
type Race struct {
	Module string `hcl:"module,label"`
	Name   string `hcl:"name,label"`

	// Mirror says that the plan refers to the lab's mirror, as in a [Case].
	Mirror bool `hcl:"mirror,optional"`
	// Directory is where the plan's paths are, /home/alice/race (if empty) or /srv/race; alice makes the directories between.
	// It is made anew for each other round.
	Directory string `hcl:"directory,optional"`
	// Rights are those of Directory, as options of install(1): alice's own if empty.
	Rights string `hcl:"rights,optional"`
	// Names are the paths of the plan that she knows, relative to Directory. Those of directories end with a slash.
	Names []string `hcl:"names"`
	// Inside are more paths that may be in the directories to which her links lead: what the step makes or finds in its own.
	Inside []string `hcl:"inside,optional"`
	// Plan is the body of a play: steps.
	Plan string `hcl:"plan"`
	// Refused is a regular expression for the error of the step when nobody races it; if empty, it succeeds then.
	Refused string `hcl:"refused,optional"`
	// Setup is run once, Reset whenever Directory is made anew.
	Setup string `hcl:"setup,optional"`
	Reset string `hcl:"reset,optional"`
	// Gap says what doesn't hold yet, or why CI can't show it. Such a race is run only where RCPROV_RACES is set.
	Gap string `hcl:"gap,optional"`
	// Rounds is how many there are where RCPROV_RACES is not set, if not 20: for a step that takes seconds.
	Rounds int `hcl:"rounds,optional"`
	// Touches are paths outside Directory that the plan names, as package writes names them.
	Touches []string `hcl:"touches,optional"`
}

// An Exemption is the reason why modules, or some arguments of a module, have no race.
type Exemption struct {
	Names   []string `hcl:"names"` // MODULE or MODULE.ARGUMENT
	Because string   `hcl:"because"`
}

// readRaces returns the table of races.
func readRaces(name string) (races []Race, exempt []Exemption, err error) {
	var file struct {
		Races  []Race      `hcl:"race,block"`
		Exempt []Exemption `hcl:"exempt,block"`
	}
	err = hclsimple.DecodeFile(name, nil, &file)
	for i := range file.Races {
		if r := &file.Races[i]; r.Directory == "" {
			r.Directory = "/home/alice/race"
		}
	}
	return file.Races, file.Exempt, err
}

// attacks are what the racer does in the rounds of a race, two rounds each: the second finds what the first has left. Three of
// the racer's are not among them, because root then waits for her until it gives up: pipe puts nothing but pipes where files
// are, stop stops what works with her rights, hold keeps open what that writes to.
var attacks = []string{"strange", "peek", "finals", "all", "parents", "peek", "link", "odd", "meddle", "strange"}

const (
	bait   = "/srv/law"      // root's directory, to which alice's links lead
	marker = "LAW7SECR"      // is in all files there that only root may read
	bound  = 3 * time.Minute // for one apply; without a racer it takes a fraction of a second
	hers   = "/home/alice/.racer"
	racer  = "/usr/local/bin/racer"
)

// racerBinary returns the path of the racer: RCPROV_RACER, or else bin/racer of the module, built once by this process.
var racerBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("RCPROV_RACER"); path != "" {
		return filepath.Abs(path)
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(module)), "bin", "racer")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/rcprov/rcprov/e2e/conformance/racer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the racer: %w\n%s", err, out)
	}
	return path, nil
})

// furnish makes a fresh host one that alice uses.
func furnish(ctx context.Context, h *lab.Host) error {
	name, err := racerBinary()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = h.Must(ctx, "set -e\nuseradd -m -s /bin/sh alice\nbase64 -d >"+racer+" <<'END'\n"+base64.StdEncoding.EncodeToString(program)+"\nEND\nchmod 755 "+racer)
	return err
}

// contest is a race on a host.
type contest struct {
	Race
	host   *lab.Host
	laptop *rcprov.Laptop
	plan   string // path
	close  func()
	last   *writes.Snapshot
}

// result is how the rounds of a race went.
type result struct {
	Rounds, Made, Refused int
	Swaps                 int64
	Strange               map[string]bool // names that the racer saw root make
}

// seen returns a few of the names that the racer saw, for later rounds.
func (r *result) seen() []string {
	all := slices.Sorted(maps.Keys(r.Strange))
	all = slices.DeleteFunc(all, func(name string) bool { return strings.Contains(name, ",") })
	return all[:min(8, len(all))]
}

// newContest prepares a host for a race, with dir as the laptop's home. locals are a part of the plan.
func newContest(ctx context.Context, h *lab.Host, r Race, locals, dir string) (*contest, error) {
	if _, err := h.Must(ctx, "set -e\n"+r.Setup); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	laptop, err := rcprov.NewLaptop(dir, h)
	if err != nil {
		return nil, err
	}
	close, err := openMaster(ctx, laptop, h)
	if err != nil {
		return nil, err
	}
	plan, err := laptop.WriteFile("plan.hcl", locals+rcprov.HostBlock(h, "h1")+"\nplay \"race\" {\n  hosts = [host.h1]\n"+r.Plan+"}\n")
	return &contest{Race: r, host: h, laptop: laptop, plan: plan, close: close}, err
}

// openMaster opens a connection that rcprov uses, since to log in takes as long as all else that it does. It returns what
// ends it.
func openMaster(ctx context.Context, laptop *rcprov.Laptop, h *lab.Host) (end func(), err error) {
	dir, err := os.MkdirTemp("", "master") // a socket's path must be short
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf("UserKnownHostsFile %s\nControlPath %s/%%C\nIdentityFile %s\nUser %s\nPort %d\n", laptop.KnownHosts(), dir, h.KeyFile, lab.User, h.Port)
	if err := os.WriteFile(laptop.SSHConfig(), []byte(config), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	master := exec.CommandContext(ctx, "ssh", "-F", laptop.SSHConfig(), "-M", "-N", "-f", h.Address)
	if out, err := master.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("open a connection: %w: %s", err, out), os.RemoveAll(dir))
	}
	return func() {
		_ = exec.Command("ssh", "-q", "-F", laptop.SSHConfig(), "-O", "exit", h.Address).Run() // it may have ended
		_ = os.RemoveAll(dir)
	}, nil
}

// race runs the rounds, between two applies that nobody disturbs.
func (c *contest) race(ctx context.Context, rounds int, seed uint64) (result, error) {
	res := result{Strange: map[string]bool{}}
	if err := c.calm(ctx); err != nil {
		return res, fmt.Errorf("before the races: %w", err)
	}
	for n := range rounds {
		attack := attacks[n/2%len(attacks)]
		if only := os.Getenv("RCPROV_ATTACK"); only != "" {
			attack = only
		}
		res.Rounds++
		if err := c.round(ctx, attack, n%2 == 1, seed+uint64(n), &res); err != nil {
			return res, fmt.Errorf("round %d of %d (attack %s, seed %d): %w", n+1, rounds, attack, seed+uint64(n), err)
		}
	}
	if err := c.calm(ctx); err != nil {
		return res, fmt.Errorf("after %d races: %w", rounds, err)
	}
	return res, nil
}

// calm applies the plan while nobody races it.
func (c *contest) calm(ctx context.Context) error {
	if err := c.reset(ctx); err != nil {
		return err
	}
	script := "cd " + c.Directory
	for _, name := range c.Names {
		script += fmt.Sprintf("\nsetpriv --reuid alice --regid alice --clear-groups mkdir -p %q || :", path.Dir(strings.TrimSuffix(name, "/")))
	}
	if _, err := c.host.Must(ctx, "set -e\n"+script); err != nil {
		return err
	}
	before, err := c.snapshot()
	if err != nil {
		return err
	}
	if strings.Contains(c.Refused, "belongs to") { // what can't be root's is known before anything is done
		r, err := c.laptop.Run(ctx, "plan", c.plan, "--json", "--no-color")
		if err != nil {
			return err
		}
		said, err := refusal(r)
		if err == nil {
			err = expect(c.Refused, said)
		}
		if err != nil {
			return fmt.Errorf("plan: %w\n%v", err, r)
		}
	}
	r, err := c.laptop.Run(ctx, "apply", c.plan, "--json", "--no-color")
	if err != nil {
		return err
	}
	said, err := refusal(r)
	if err != nil {
		return fmt.Errorf("%w\n%v", err, r)
	}
	if err := expect(c.Refused, said); err != nil {
		return fmt.Errorf("%w\n%v", err, r)
	}
	after, err := c.snapshot()
	if err != nil {
		return err
	}
	return c.unchanged(before, after)
}

// reset makes the bait and the directory anew. Nobody races.
func (c *contest) reset(ctx context.Context) error {
	var b strings.Builder
	fmt.Fprintf(&b, "set -e\numask 022\nrm -rf --one-file-system /srv/race %[1]s %[2]s %[3]s\nmkdir %[1]s %[1]s/dir %[1]s/empty\n", bait, c.Directory, hers)
	fmt.Fprintf(&b, "cd %s\necho public >public\numask 077\necho %[2]s >secret\necho 'root:%[2]s:20000:0:99999:7:::' >shadow\nchgrp shadow shadow\nchmod 640 shadow\n", bait, marker)
	for _, name := range c.baits() {
		if dir, isDir := strings.CutSuffix(name, "/"); isDir {
			fmt.Fprintf(&b, "mkdir -p dir/%q\n", dir)
		} else {
			fmt.Fprintf(&b, "mkdir -p dir/%q\n[ -e dir/%[2]q ] || echo %[3]s >dir/%[2]q\n", path.Dir(name), name, marker)
		}
	}
	b.WriteString("cp -a dir private\n")
	rights := c.Rights
	if rights == "" {
		rights = "-o alice -g alice -m 0755"
	}
	fmt.Fprintf(&b, "install -d %s %s\n%s\n", rights, c.Directory, c.Reset)
	_, err := c.host.Must(ctx, b.String())
	return err
}

// baits returns what is in the directories of the bait: what root would find there if a directory on the way to the plan's
// paths were a link to one of them.
func (c *contest) baits() []string {
	all := slices.Clone(c.Inside)
	for _, name := range c.Names {
		for {
			_, rest, found := strings.Cut(name, "/")
			if !found || rest == "" {
				break
			}
			name = rest
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// round applies the plan while alice races it, and proves law 7.
func (c *contest) round(ctx context.Context, attack string, again bool, seed uint64, res *result) error {
	if !again {
		if err := c.reset(ctx); err != nil {
			return err
		}
	}
	before, err := c.snapshot()
	if err != nil {
		return err
	}
	links, err := c.links()
	if err != nil {
		return err
	}
	command := fmt.Sprintf("setpriv --reuid alice --regid alice --init-groups %s -dir %s -own %s -bait %s -marker %s -names %s -attack %s -seed %d -seen %s",
		racer, c.Directory, hers, bait, marker, strings.Join(c.Names, ","), attack, seed, shell.Quote(strings.Join(res.seen(), ",")))
	if again {
		command += " -again"
	}
	start := fmt.Sprintf("mkdir -p -m 700 /run/law\n: >/run/law/out\nsetsid %s >/run/law/out 2>&1 </dev/null &\necho $! >/run/law/pid\n"+
		"until grep -q . /run/law/out; do sleep 0.01; done\ngrep -qx ready /run/law/out || { cat /run/law/out >&2; exit 1; }", command)
	if _, err := c.host.Must(ctx, start); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, bound)
	var waiting string
	run, err := c.laptop.Run(bounded, "apply", c.plan, "--json", "--no-color")
	hangs := bounded.Err() != nil
	cancel()
	if err != nil {
		return err
	}
	if hangs { // what it waits for is still there: the host doesn't know yet that nobody asks any more
		if waiting, err = c.host.Must(ctx, "ps -eo pid,ppid,user,stat,wchan:20,args --forest | grep -v '\\[' | tail -n 40"); err != nil {
			return err
		}
	}
	out, err := c.host.Must(ctx, "pid=$(cat /run/law/pid)\nkill $pid\nwhile kill -0 $pid 2>/dev/null; do sleep 0.01; done\ntail -n 1 /run/law/out")
	if err != nil {
		return err
	}
	var report struct {
		Swaps          int64
		Strange, Gains []string
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		return fmt.Errorf("the racer: %w: %s", err, out)
	}
	res.Swaps += report.Swaps
	for _, name := range report.Strange {
		res.Strange[name] = true
	}
	after, err := c.snapshot()
	if err != nil {
		return err
	}
	linksAfter, err := c.links()
	if err != nil {
		return err
	}
	var errs []error
	if hangs {
		errs = append(errs, fmt.Errorf("apply did not end within %s; on the host:\n%s", bound, waiting))
	}
	said, err := refusal(run)
	switch {
	case err != nil:
		errs = append(errs, err)
	case said == "":
		res.Made++
	default:
		res.Refused++
	}
	for name, n := range linksAfter {
		if before, existed := links[name]; existed && n != before {
			errs = append(errs, fmt.Errorf("%s has %d names, not %d", name, n, links[name]))
		}
	}
	for _, gain := range report.Gains {
		errs = append(errs, errors.New(gain))
	}
	if strings.Contains(run.Stdout+run.Stderr, marker) {
		errs = append(errs, errors.New("rcprov printed what is in a file that only root may read"))
	}
	errs = append(errs, c.unchanged(before, after))
	if err := errors.Join(errs...); err != nil {
		return raced.broken("nothing of root's that the plan doesn't name changes or is read, and the step succeeds or fails with its error", "%v\n%v", err, run)
	}
	return nil
}

// snapshot returns what was written on the host so far.
func (c *contest) snapshot() (*writes.Snapshot, error) {
	now, err := writes.Take(c.host.Layers, c.last, strings.TrimPrefix(c.Directory, "/")+"/", strings.TrimPrefix(hers, "/")+"/")
	c.last = now
	return now, err
}

// unchanged returns an error that lists what has changed that the plan doesn't name. What rcprov keeps for itself on the
// host is its own affair; that she can't read root's files there, the racer checks.
func (c *contest) unchanged(before, after *writes.Snapshot) error {
	changed, err := writes.Changed(before, after)
	if err != nil {
		return err
	}
	allowed := append(c.Touches[:len(c.Touches):len(c.Touches)], "var/lib/rcprov/", "home/alice/")
	changed = slices.DeleteFunc(changed, func(line string) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "/"), ": ")
		return slices.ContainsFunc(allowed, func(p string) bool {
			return name == p || strings.HasSuffix(p, "/") && (strings.HasPrefix(name, p) || name+"/" == p)
		})
	})
	if len(changed) == 0 {
		return nil
	}
	return fmt.Errorf("changed, but not named by the plan:\n%s", strings.Join(changed, "\n"))
}

// links returns how many names the files of the bait have.
func (c *contest) links() (map[string]uint64, error) {
	count := map[string]uint64{}
	upper := c.host.Layers.Upper
	err := filepath.WalkDir(upper+bait, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			count[strings.TrimPrefix(name, upper)] = uint64(info.Sys().(*syscall.Stat_t).Nlink) //nolint:unconvert // its type differs between architectures
		}
		return err
	})
	return count, err
}

// refusal returns the error of the plan's step as a run with --json says it; empty if the run succeeded. The error is for a
// run that ended in any other way.
func refusal(r rcprov.Run) (string, error) {
	if r.Exit == 0 {
		return "", nil
	}
	events, err := r.Events()
	if err != nil || r.Exit != 1 {
		return "", errors.Join(fmt.Errorf("neither success nor an error of the step: exit status %d", r.Exit), err)
	}
	for _, e := range events {
		if e.Type == "host_failed" && e.Step != "" && e.Error.Summary != "" && !strings.Contains(e.Error.Summary, "rcprov has a bug") {
			return e.Error.Summary, nil
		}
	}
	return "", errors.New("exit status 1 without an error of a step")
}

// expect returns an error if a step that nobody raced did not end as its race says.
func expect(refused, said string) error {
	if refused == "" && said != "" {
		return fmt.Errorf("refused: %s", said)
	}
	if refused == "" {
		return nil
	}
	matches, err := regexp.MatchString(refused, said)
	if err == nil && !matches {
		err = fmt.Errorf("the error is %q, which does not match %q", said, refused)
	}
	return err
}
