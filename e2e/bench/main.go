// Command bench compares rcprov with what ssh itself takes. `make bench` runs it.
//
// A host is made to be what a plan of sixty steps says (sixty.hcl). Then the same plan is applied again, which changes
// nothing, in turn with `ssh host 'sudo -n sh -s' <facts.sh`: a script written by hand that gathers the same facts.
// Both are whole processes, timed from outside; the figures are medians, and the median of the ratios pair by pair,
// which holds when the machine's speed drifts. A delay is put between by a proxy: what one side sends arrives on the
// other so much later.
//
// plans/prod.hcl is measured in the same way (prod.go), and its first apply on a bare host in turn with a script that does
// the same work by hand (prod-by-hand.sh), each on a fresh host. With -many it is a plan of many files (many.go). With -rivals it is measured against other tools (rivals.go).
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/e2e/internal/delay"
	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

//go:embed sixty.hcl
var sixty string

//go:embed facts.sh
var facts string

const (
	oneWay = 25 * time.Millisecond
	crowd  = 20 // hosts at once

	forever = 1000 * time.Hour
)

func main() {
	runs := flag.Int("n", 10, "counted pairs of runs")
	few := flag.Bool("one", false, "one host only, not twenty")
	bare := flag.Int("bare", 2, "pairs of bare hosts for plans/prod.hcl; 0: leave it out")
	only := flag.Bool("prod", false, "only plans/prod.hcl")
	files := flag.Bool("many", false, "only a plan of 1,000 and of 10,000 files that need no change, compared with sha256sum through ssh")
	others := flag.Bool("rivals", false, "only a comparison with Ansible, Mitogen, pyinfra and BundleWrap, from PyPI")
	patience := flag.Duration("patience", 2*time.Minute, "with -rivals: how long a comparison goes on; one pair is timed at least")
	tools := flag.String("tools", "", "with -rivals: a regular expression for the names of those to compare with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case *files:
		err = benchMany(ctx, *runs)
	case *others:
		err = benchRivals(ctx, *runs, *patience, *tools)
	default:
		if !*only {
			err = bench(ctx, *runs, !*few)
		}
		if err == nil && *bare > 0 {
			err = benchProd(ctx, *bare, *runs)
		}
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A desk is a laptop with the hosts to measure.
type desk struct {
	laptop *rcprov.Laptop
	runs   int
}

// newDesk boots hosts and writes what is needed to reach them. aliases are those of all hosts; near and far are the first
// one. closeDesk removes everything, also after an error.
func newDesk(ctx context.Context, runs int, many bool) (d *desk, aliases []string, closeDesk func() error, err error) {
	var closers []func() error
	closeDesk = func() error {
		var errs []error
		for _, c := range slices.Backward(closers) {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	hosts, remove, err := launch(ctx, many)
	closers = append(closers, remove)
	if err != nil {
		return nil, nil, closeDesk, err
	}
	home, err := os.MkdirTemp("", "rcprov-bench-")
	if err != nil {
		return nil, nil, closeDesk, err
	}
	closers = append(closers, func() error { return os.RemoveAll(home) })
	laptop, err := rcprov.NewLaptop(home, hosts...)
	if err != nil {
		return nil, nil, closeDesk, err
	}
	proxy, err := delay.Listen(fmt.Sprintf("%s:%d", hosts[0].Address, hosts[0].Port), oneWay)
	if err != nil {
		return nil, nil, closeDesk, err
	}
	closers = append(closers, proxy.Close)
	d = &desk{laptop: laptop, runs: runs}
	aliases, err = d.configure(hosts, proxy.Port())
	return d, aliases, closeDesk, err
}

func bench(ctx context.Context, runs int, many bool) (err error) {
	d, aliases, closeDesk, err := newDesk(ctx, runs, many)
	defer func() { err = errors.Join(err, closeDesk()) }()
	if err != nil {
		return err
	}
	if err := d.prepare(ctx, aliases); err != nil {
		return err
	}
	fmt.Printf("\nWall time in milliseconds, medians of %d pairs; a ratio below 1 means that rcprov is faster.\n\n", runs)
	fmt.Printf("%-52s %8s %8s %7s\n", "a second apply of 60 steps, compared with ssh", "ssh", "rcprov", "ratio")
	for _, c := range []struct{ name, host, master string }{
		{"new connection", "near", ""},
		{"new connection, 25 ms one way", "far", ""},
		{"open ControlMaster", "near-master", "near-master"},
		{"open ControlMaster, 25 ms one way", "far-master", "far-master"},
	} {
		if err := d.compare(ctx, c.name, []string{c.host}, c.master); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if many {
		if err := d.compare(ctx, fmt.Sprintf("%d hosts at once, new connections", crowd), aliases, ""); err != nil {
			return err
		}
	}
	fmt.Println()
	return errors.Join(d.alone(ctx, "rcprov validate, 60 steps", "validate", "near.hcl"), d.alone(ctx, "rcprov version", "version"))
}

// launch boots the hosts. remove removes those that were booted, also after an error.
func launch(ctx context.Context, many bool) (hosts []*lab.Host, remove func() error, err error) {
	remove = func() error {
		var errs []error
		for _, h := range hosts {
			if h != nil {
				errs = append(errs, h.Close(context.WithoutCancel(ctx)))
			}
		}
		return errors.Join(errs...)
	}
	backend, err := lab.Detect()
	if err != nil {
		return nil, remove, err
	}
	n := 1
	if many {
		n = crowd
	}
	fmt.Printf("Booting %d hosts with %s ...\n", n, backend.Name())
	hosts = make([]*lab.Host, n)
	var group errgroup.Group
	group.SetLimit(4)
	for i := range hosts {
		group.Go(func() (err error) {
			hosts[i], err = backend.Launch(ctx, lab.Spec{Name: fmt.Sprintf("bench-%d-%d", os.Getpid(), i), Image: backend.Images()[0]})
			return err
		})
	}
	return hosts, remove, group.Wait()
}

// configure writes the ssh_config that both programs use, and a plan for each alias. It returns the aliases of all
// hosts: host0 and so on; near and far are the first one.
func (d *desk) configure(hosts []*lab.Host, farPort int) ([]string, error) {
	var config strings.Builder
	add := func(alias string, h *lab.Host, lines ...string) {
		fmt.Fprintf(&config, "Host %s\n  User %s\n  IdentityFile %s\n  IdentitiesOnly yes\n  HostKeyAlias %s\n  %s\n",
			alias, lab.User, h.KeyFile, h.Address, strings.Join(lines, "\n  "))
	}
	direct := func(h *lab.Host) []string {
		return []string{"HostName " + h.Address, fmt.Sprintf("Port %d", h.Port)}
	}
	far := []string{"HostName 127.0.0.1", fmt.Sprintf("Port %d", farPort)}
	master := "ControlPath " + filepath.Join(d.laptop.Home, "%n.sock")
	add("near", hosts[0], direct(hosts[0])...)
	add("far", hosts[0], far...)
	add("near-master", hosts[0], append(direct(hosts[0]), master)...)
	add("far-master", hosts[0], append(far, master)...)
	var aliases []string
	for i, h := range hosts {
		aliases = append(aliases, fmt.Sprintf("host%d", i))
		add(aliases[i], h, direct(h)...)
	}
	old, err := os.ReadFile(d.laptop.SSHConfig())
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.laptop.SSHConfig(), append(old, config.String()...), 0o600); err != nil {
		return nil, err
	}
	for _, alias := range []string{"near", "far", "near-master", "far-master"} {
		if err := d.plan([]string{alias}); err != nil {
			return nil, err
		}
	}
	return aliases, d.plan(aliases)
}

// plan writes the plan for hosts, named like the first of them.
func (d *desk) plan(hosts []string) error {
	text := ""
	for _, h := range hosts {
		text += fmt.Sprintf("host %q {}\n", h)
	}
	_, err := d.laptop.WriteFile(hosts[0]+".hcl", text+sixty)
	return err
}

// prepare makes all hosts be what the plan says, and proves that nothing is left to do.
func (d *desk) prepare(ctx context.Context, aliases []string) error {
	fmt.Printf("Making %d hosts what sixty.hcl says ...\n", len(aliases))
	for range 2 {
		r, err := d.laptop.Run(ctx, "apply", aliases[0]+".hcl", "--parallel", "4")
		if err != nil {
			return err
		}
		if r.Exit != 0 {
			return fmt.Errorf("%s", r)
		}
		if strings.Contains(r.Stdout, "nothing changed") {
			return nil
		}
	}
	return errors.New("a second apply of sixty.hcl changed something")
}

// compare times both programs in turn and prints a line. master is the alias to keep a ControlMaster open for, or "".
func (d *desk) compare(ctx context.Context, name string, hosts []string, master string) error {
	if master != "" {
		stop, err := d.openMaster(ctx, master)
		if err != nil {
			return err
		}
		defer stop()
	}
	return pairs(name, d.runs,
		func() (float64, error) { return d.timeSSH(ctx, hosts) },
		func() (float64, error) { return runTime(d.laptop.Command(ctx, "apply", hosts[0]+".hcl")) })
}

// pairs times two things in turn and prints a line.
func pairs(name string, runs int, theirs, ours func() (milliseconds float64, err error)) error {
	if _, _, _, _, err := inTurn(1, forever, theirs, ours); err != nil { // warm-up
		return err
	}
	_, their, our, ratio, err := inTurn(runs, forever, theirs, ours)
	if err != nil {
		return err
	}
	fmt.Printf("%-52s %8.0f %8.0f %7.2f\n", name, their, our, ratio)
	return nil
}

// inTurn times two things in turn: so many pairs, or fewer if patience ends. It returns how many, and medians; ratio is that
// of ours to theirs, pair by pair.
func inTurn(runs int, patience time.Duration, theirs, ours func() (milliseconds float64, err error)) (n int, their, our, ratio float64, err error) {
	var a, b, ratios []float64
	for start := time.Now(); len(a) < runs && (len(a) == 0 || time.Since(start) < patience); {
		t, err := theirs()
		if err != nil {
			return 0, 0, 0, 0, err
		}
		o, err := ours()
		if err != nil {
			return 0, 0, 0, 0, err
		}
		a, b, ratios = append(a, t), append(b, o), append(ratios, o/t)
	}
	return len(a), median(a), median(b), median(ratios), nil
}

func (d *desk) openMaster(ctx context.Context, alias string) (stop func(), err error) {
	// The master goes to the background once it is open; it must not hold our pipes then.
	cmd := d.laptop.Shell(ctx, fmt.Sprintf("ssh -F %s -MNf %s >master.log 2>&1", d.laptop.SSHConfig(), alias))
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("open a ControlMaster: %w", err)
	}
	return func() { // it dies with its host at the latest
		_ = d.laptop.Shell(context.WithoutCancel(ctx), fmt.Sprintf("ssh -F %s -O exit %s 2>/dev/null", d.laptop.SSHConfig(), alias)).Run()
	}, nil
}

// timeSSH runs the script over ssh on all hosts at once.
func (d *desk) timeSSH(ctx context.Context, hosts []string) (milliseconds float64, err error) {
	script, err := d.laptop.WriteFile("facts.sh", facts)
	if err != nil {
		return 0, err
	}
	var all strings.Builder
	for _, h := range hosts {
		fmt.Fprintf(&all, "ssh -F %s %s 'sudo -n sh -s' <%s >%s.facts &\n", d.laptop.SSHConfig(), h, script, h)
	}
	return runTime(d.laptop.Shell(ctx, all.String()+"wait\n"))
}

// alone times rcprov by itself and prints a line.
func (d *desk) alone(ctx context.Context, name string, args ...string) error {
	var all []float64
	for i := range d.runs + 1 {
		t, err := runTime(d.laptop.Command(ctx, args...))
		if err != nil {
			return err
		}
		if i > 0 {
			all = append(all, t)
		}
	}
	fmt.Printf("%-52s %8s %8.0f\n", name, "", median(all))
	return nil
}

func runTime(cmd *exec.Cmd) (milliseconds float64, err error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, &said)
	}
	return float64(time.Since(start).Microseconds()) / 1000, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
