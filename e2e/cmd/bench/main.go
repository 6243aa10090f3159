// Command bench compares rcprov with ssh and a handwritten script that learns the same about a host. `make bench` runs
// it; figures in the documentation come from here.
//
// Method: a plan of 60 steps is applied once to a lab host. Then `rcprov apply`, which has nothing to do, and
// `ssh host 'sudo -n sh -s' < script.sh` run in turn (A B A B ...), so that a busy machine slows both; medians are
// compared. The network's delay is a TCP proxy on this machine, between either and the host.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/delay"
	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

//go:embed script.sh
var script string

const pairs = 11 // of runs; the median is that of an odd number

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan returns 60 steps that script.sh asks about.
func plan() string {
	var b strings.Builder
	b.WriteString("\nplay \"bench\" {\n  hosts = group.all\n  directory \"base\" { path = \"/srv/bench\" }\n")
	step := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	for i := 1; i <= 20; i++ {
		step("file \"f%d\" {\n path = \"/srv/bench/f%d\"\n content = \"content of file %d\\n\"\n}", i, i, i)
	}
	for i := 1; i <= 5; i++ {
		step("directory \"d%d\" { path = \"/srv/bench/d%d\" }", i, i)
		step("link \"l%d\" {\n path = \"/srv/bench/l%d\"\n target = \"f%d\"\n}", i, i, i)
	}
	for _, p := range strings.Fields("bash coreutils dash sed grep tar gzip sudo procps iproute2") {
		step("apt_package %q { packages = [%q] }", p, p)
	}
	for _, u := range []string{"ssh", "systemd-networkd"} {
		step("systemd_unit %q {\n name = %q\n enabled = true\n running = true\n}", u, u+".service")
	}
	for i := 1; i <= 4; i++ {
		step("group \"g%d\" { name = \"benchg%d\" }", i, i)
		step("user \"u%d\" {\n name = \"bench%d\"\n groups = [\"benchg%d\"]\n}", i, i, i)
	}
	for i := 1; i <= 6; i++ {
		step("hosts_entry \"h%d\" {\n ip = \"192.0.2.%d\"\n names = [\"bench%d.internal\"]\n}", i, i, i)
	}
	for i := 1; i <= 3; i++ {
		step("line \"s%d\" {\n path = \"/etc/ssh/sshd_config\"\n line = \"# bench %d\"\n}", i, i)
	}
	b.WriteString("}\n")
	return b.String()
}

// A contest is rcprov against ssh, from one laptop to some hosts.
type contest struct {
	laptop *rcprov.Laptop
	count  int // of hosts
}

// newContest makes a laptop whose ssh_config leads to hosts as h0, h1, ...; by way of proxies, if there are any.
func newContest(dir string, hosts []*lab.Host, proxies []*delay.Proxy, master bool) (*contest, error) {
	laptop, err := rcprov.NewLaptop(dir, hosts...)
	if err != nil {
		return nil, err
	}
	config := "UserKnownHostsFile " + laptop.KnownHosts() + "\n"
	var text strings.Builder
	for i, h := range hosts {
		address, port := h.Address, h.Port
		if proxies != nil {
			address, port = "127.0.0.1", proxies[i].Port()
		}
		config += fmt.Sprintf("Host h%d\n  HostName %s\n  Port %d\n  HostKeyAlias %s\n  User %s\n  IdentityFile %s\n  IdentitiesOnly yes\n",
			i, address, port, h.Address, lab.User, h.KeyFile)
		fmt.Fprintf(&text, "host \"h%d\" {\n  groups = [\"all\"]\n}\n", i)
	}
	if master {
		config += "Host *\n  ControlPath " + dir + "/%C\n"
	}
	_, err = laptop.WriteFile("plan.hcl", text.String()+plan())
	return &contest{laptop, len(hosts)}, errors.Join(err, os.WriteFile(laptop.SSHConfig(), []byte(config), 0o600))
}

// rcprov applies the plan; after the first time there is nothing to do.
func (c *contest) rcprov(ctx context.Context) error {
	r, err := c.laptop.Run(ctx, "apply", "plan.hcl", "--no-color")
	if err == nil && r.Exit != 0 {
		err = errors.New(r.String())
	}
	return err
}

// ssh runs the script on all hosts at once.
func (c *contest) ssh(ctx context.Context) error {
	errs := make([]error, c.count)
	var all sync.WaitGroup
	for i := range c.count {
		all.Go(func() {
			cmd := exec.CommandContext(ctx, "ssh", "-F", c.laptop.SSHConfig(), "-o", "BatchMode=yes", "h"+strconv.Itoa(i), "sudo -n sh -s")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("ssh: %w: %s", err, out)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// compare runs both in turn and prints a line of the table.
func (c *contest) compare(ctx context.Context, name string) error {
	var ours, theirs []time.Duration
	for range pairs {
		for _, one := range []struct {
			run   func(context.Context) error
			times *[]time.Duration
		}{{c.rcprov, &ours}, {c.ssh, &theirs}} {
			start := time.Now()
			if err := one.run(ctx); err != nil {
				return err
			}
			*one.times = append(*one.times, time.Since(start))
		}
	}
	a, b := median(ours), median(theirs)
	fmt.Printf("%-44s %9.0f ms %9.0f ms %7.2f\n", name, milliseconds(a), milliseconds(b), float64(a)/float64(b))
	return nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func bench(ctx context.Context) (err error) {
	config, err := lab.ConfigFromEnv()
	if err != nil {
		return err
	}
	backend, err := lab.Detect(config)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	count := 20
	if backend.Name() != "nspawn" {
		count = 2 // virtual machines are dear
	}
	var hosts []*lab.Host
	defer func() {
		for _, h := range hosts {
			err = errors.Join(err, h.Close(context.WithoutCancel(ctx)))
		}
	}()
	for i := range count {
		h, err := backend.Launch(ctx, lab.Spec{Name: fmt.Sprintf("bench%d-%d", i, os.Getpid()), Image: backend.Images()[0]})
		if err != nil {
			return err
		}
		hosts = append(hosts, h)
	}
	fmt.Printf("median of %d pairs, 60 steps, no change       rcprov apply    ssh script   ratio\n", pairs)
	for _, oneWay := range []time.Duration{0, 25 * time.Millisecond} {
		for _, master := range []bool{false, true} {
			if err := one(ctx, dir, hosts[0], oneWay, master); err != nil {
				return err
			}
		}
	}
	all, err := newContest(mkdir(dir, "all"), hosts, nil, false)
	if err != nil {
		return err
	}
	if err := errors.Join(all.rcprov(ctx), all.compare(ctx, fmt.Sprintf("%d hosts at once", count))); err != nil {
		return err
	}
	return all.start(ctx)
}

// one compares over one connection to one host.
func one(ctx context.Context, dir string, h *lab.Host, oneWay time.Duration, master bool) error {
	name := fmt.Sprintf("1 host, %s one-way delay", oneWay)
	var proxies []*delay.Proxy
	if oneWay > 0 {
		p, err := delay.Listen(fmt.Sprintf("%s:%d", h.Address, h.Port), oneWay)
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }() // connections are over
		proxies = []*delay.Proxy{p}
	}
	c, err := newContest(mkdir(dir, fmt.Sprintf("%d%v", oneWay.Milliseconds(), master)), []*lab.Host{h}, proxies, master)
	if err != nil {
		return err
	}
	if master {
		name += ", open ControlMaster"
		ssh := exec.CommandContext(ctx, "ssh", "-F", c.laptop.SSHConfig(), "-o", "BatchMode=yes", "-M", "-N", "-f", "h0")
		if err := ssh.Run(); err != nil {
			return fmt.Errorf("open a ControlMaster: %w", err)
		}
		defer func() {
			_ = exec.Command("ssh", "-F", c.laptop.SSHConfig(), "-O", "exit", "h0").Run() // ends with the host at the latest
		}()
	}
	return errors.Join(c.rcprov(ctx), c.compare(ctx, name))
}

// start prints how long commands take that connect to nothing.
func (c *contest) start(ctx context.Context) error {
	for _, args := range [][]string{{"version"}, {"validate", "plan.hcl"}} {
		var times []time.Duration
		for range pairs {
			r, err := c.laptop.Run(ctx, args...)
			if err != nil || r.Exit != 0 {
				return errors.Join(err, errors.New(r.String()))
			}
			times = append(times, r.Duration)
		}
		fmt.Printf("%-44s %9.0f ms\n", "rcprov "+args[0], milliseconds(median(times)))
	}
	return nil
}

// mkdir makes a directory for a laptop in the bench's own, which is empty.
func mkdir(dir, name string) string {
	path := filepath.Join(dir, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		panic(err) // a directory that was made a moment ago
	}
	return path
}
