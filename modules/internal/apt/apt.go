// Package apt is how rcprov runs apt-get: a library for the modules apt_package and apt_repository.
//
// It provides what every call needs: an environment in which no maintainer script, debconf or needrestart asks
// anything, patience with the locks that other programs hold (apt-daily on a freshly booted image, above all), a
// systemd unit that goes on when the connection does not (package job), and apt's own complaints as errors.
//
// Sources: apt-get(8), apt.conf(5), and tries on Debian 12 (apt 2.6) and 13 (apt 3.0).
package apt

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/job"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/shell"
)

// environment keeps everything that dpkg starts from asking. needrestart lists what should be restarted and restarts
// nothing: that is the plan's business. ucf and dpkg keep a configuration file that was edited.
var environment = []string{
	"DEBIAN_FRONTEND=noninteractive",
	"DEBIAN_PRIORITY=critical",
	"APT_LISTCHANGES_FRONTEND=none",
	"NEEDRESTART_MODE=l",
	"UCF_FORCE_CONFFOLD=1",
}

// aptGet is the program with the options of each call. DPkg::Lock::Timeout (seconds) covers dpkg's locks only; the
// locks of the lists and the archives are not waited for by apt, so [run] tries again. Without pkgcache: apt takes that file for
// valid if dpkg's status has the size and the second of before (FindInCache in apt-pkg/indexfile.cc), as after two changes in one second.
var aptGet = []string{
	"apt-get", "-y", "-q",
	"-o", "Dir::Cache::pkgcache=",
	"-o", "DPkg::Lock::Timeout=300",
	"-o", "Dpkg::Use-Pty=0",
	"-o", "Dpkg::Options::=--force-confdef",
	"-o", "Dpkg::Options::=--force-confold",
}

// lockPatience is how long run waits for locks in all, lockPause the time between two tries.
const (
	lockPatience = 10 * time.Minute
	lockPause    = 5 * time.Second
)

// Get runs apt-get with args. The error of an apt-get that ran and failed is an [*Error].
func Get(ctx context.Context, h modules.Host, args ...string) error {
	_, err := run(ctx, h, modules.Command{Argv: slices.Concat(aptGet, args)})
	return err
}

//go:embed update.sh
var updateScript string

// Update runs `apt-get update` for all sources of the host. apt counts a source that fails for the moment, or whose index it can't
// verify, as a warning, and goes on with the previous index; the warnings are without "W: ". What could not be fetched is noted on
// the host, for [Stale].
func Update(ctx context.Context, h modules.Host) (warnings []string, err error) {
	command := append(slices.Clone(aptGet), "update")
	result, err := run(ctx, h, modules.Command{Script: shell.Script(updateScript, shell.Vars{
		"lists": lists, "failed": failedLists, "update": shell.QuoteAll(command),
	})})
	return findComplaints(result.Stderr, "W: "), err
}

// What apt and [Update] touch after a successful update, and age.sh reads.
const (
	lists = "/var/lib/apt/lists"
	stamp = "/var/lib/apt/periodic/update-success-stamp"
)

//go:embed updatesome.sh
var updateSomeScript string

// UpdateSome runs `apt-get update` with args that choose some of the host's sources. It leaves the age of the package lists
// as it was: a later run, also after this one was killed, must not take the lists of all other sources for fetched.
func UpdateSome(ctx context.Context, h modules.Host, args ...string) error {
	command := append(append(slices.Clone(aptGet), "update"), args...)
	_, err := run(ctx, h, modules.Command{Script: shell.Script(updateSomeScript, shell.Vars{
		"lists": lists, "stamp": stamp, "update": shell.QuoteAll(command),
	})})
	return err
}

//go:embed transaction.sh
var transactionScript string

// A Transaction is one call of apt-get that installs or removes packages.
type Transaction struct {
	Args   []string // "install", "--no-remove", "nginx=1.22*"
	Hold   []string // packages to put on hold afterwards, even when apt-get fails: apt-get drops the hold of what it changes
	Unhold []string // packages to take the hold from afterwards
	Manual []string // packages to mark as installed by hand, which autoremove keeps
	Names  []string // packages that are installed, by the names of the plan
	Remove []string // files to remove when apt-get has succeeded
}

// Run makes the transaction. The holds belong to the same job, so that a lost connection can't come between.
func (t Transaction) Run(ctx context.Context, h modules.Host) error {
	var command []string
	if len(t.Args) > 0 {
		command = slices.Concat(aptGet, t.Args)
	}
	_, err := run(ctx, h, modules.Command{Script: shell.Script(transactionScript, shell.Vars{
		"apt_get": shell.QuoteAll(command), "hold": shell.QuoteAll(t.Hold), "unhold": shell.QuoteAll(t.Unhold),
		"manual": shell.QuoteAll(t.Manual), "names": shell.QuoteAll(t.Names), "remove": shell.QuoteAll(t.Remove), "failed": failedLists,
	})})
	return err
}

//go:embed reinstall.sh
var reinstallScript string

// Repair ends what an interrupted dpkg or apt-get left undone, without removing any package.
func Repair(ctx context.Context, h modules.Host) error {
	modules.Progress(ctx, "ending what an interrupted dpkg left undone")
	// dpkg --configure fails for a package that lacks a dependency, which is apt-get's business; what then is still
	// wrong, apt-get says.
	configure := modules.Command{Argv: []string{"dpkg", "--configure", "-a", "--force-confdef", "--force-confold"}}
	if _, err := run(ctx, h, configure); err != nil {
		var failed *Error
		if !errors.As(err, &failed) {
			return err
		}
	}
	command := slices.Concat(aptGet, []string{"--no-remove", "--allow-change-held-packages"})
	_, err := run(ctx, h, modules.Command{Script: shell.Script(reinstallScript, shell.Vars{"apt_get": shell.QuoteAll(command)})})
	return err
}

// run runs c as the job "apt", and again while another program holds a lock that apt doesn't wait for.
func run(ctx context.Context, h modules.Host, c modules.Command) (result modules.Result, err error) {
	c.Env = environment
	var locked *Error
	err = wait.Until(ctx, wait.Pace{Every: lockPause, Limit: lockPatience, For: "apt waits for a lock"}, func() (missing string, err error) {
		result, err = job.Run(ctx, h, job.Job{Name: "apt", Command: c, Progress: progress})
		var failed *modules.CommandError
		if !errors.As(err, &failed) {
			return "", err
		}
		locked = newError(failed)
		if !locked.Locked() {
			return "", locked
		}
		return locked.holder() + " has it", nil
	})
	if late := (*wait.TimeoutError)(nil); errors.As(err, &late) {
		return result, modules.WithHint(locked, "rcprov waited %v for it. Look what %s is doing there, then run the same command again.",
			lockPatience, locked.holder())
	}
	return result, err
}

var heldBy = regexp.MustCompile(`held by process (\d+) \(([^)]*)\)`)

// progress turns apt's last line into what rcprov reports.
func progress(line string) string {
	if holders := heldBy.FindAllStringSubmatch(line, -1); len(holders) > 0 {
		last := holders[len(holders)-1]
		return fmt.Sprintf("waiting for %s (pid %s)", last[2], last[1])
	}
	if _, after, found := strings.Cut(line, "\r"); found { // dpkg's "(Reading database ... 5%"
		line = after
	}
	return strings.TrimSuffix(strings.TrimSpace(line), " ...")
}

//go:embed age.sh
var ageScript string

// Age is a script that prints "update" if the package lists are older than minutes or than a source.
func Age(minutes int) string {
	return shell.Script(ageScript, shell.Vars{"minutes": strconv.Itoa(minutes), "failed": failedLists})
}

// Fresh reports whether the package lists are younger than age and than all sources.
func Fresh(ctx context.Context, h modules.Host, age time.Duration) (bool, error) {
	words, err := askAge(ctx, h, age)
	return err == nil && len(words) == 0, err
}

// askAge returns what age.sh prints.
func askAge(ctx context.Context, h modules.Host, age time.Duration) ([]string, error) {
	r, err := h.Run(ctx, modules.Command{Script: Age(int((age + time.Minute - 1) / time.Minute))})
	if err != nil {
		return nil, fmt.Errorf("look at the age of apt's package lists: %w", err)
	}
	return strings.Fields(string(r.Stdout)), nil
}

// UpdateIfOlder fetches the package lists unless they are younger than age (rounded up to minutes). While a host is
// still in its first boot it waits for cloud-init to end. It reports whether it ran apt-get update, with the warnings of [Update].
func UpdateIfOlder(ctx context.Context, h modules.Host, age time.Duration) (updated bool, warnings []string, err error) {
	words, err := askAge(ctx, h, age)
	if err != nil {
		return false, nil, err
	}
	if len(words) > 0 && words[0] == "first-boot" {
		if err := waitForCloudInit(ctx, h); err != nil {
			return false, nil, err
		}
	}
	if len(words) == 0 || words[len(words)-1] != "update" {
		return false, nil, nil
	}
	modules.Progress(ctx, "fetching apt's package lists")
	warnings, err = Update(ctx, h)
	return true, warnings, err
}

// waitForCloudInit waits up to ten minutes for cloud-init, which installs packages and writes sources during the
// first boot. However it ends, rcprov goes on: errors of cloud-init are not about the plan.
func waitForCloudInit(ctx context.Context, h modules.Host) error {
	modules.Progress(ctx, "waiting for cloud-init to end the first boot")
	_, err := job.Run(ctx, h, job.Job{
		Name:    "cloud-init-wait",
		Command: modules.Command{Argv: []string{"timeout", "600", "cloud-init", "status", "--wait"}},
		// It prints dots.
		Progress: func(string) string { return "waiting for cloud-init to end the first boot" },
	})
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return nil
	}
	return err
}
