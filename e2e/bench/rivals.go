package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

//go:embed rivals
var rivalFiles embed.FS

// venvs is where the other tools are installed, below the directory that bench is started in.
const venvs = "e2e/.cache/rivals"

// A rival is another tool that makes a host what sixty.hcl says. Its directory in rivals says so in the tool's own words.
type rival struct {
	name         string
	dir          string         // in rivals and in venvs
	env          string         // shell assignments, in addition
	apply, check string         // shell commands, run in dir; $host is the alias
	nothing      *regexp.Regexp // what both print, and only when there is nothing to change
	persists     bool           // leaves a ControlMaster behind that the next run uses
}

// openSSH is how tools that run ssh keep a connection open for their next call.
const openSSH = "-F $HOME/.ssh/config -o ControlMaster=auto -o ControlPersist=600 -o ControlPath=$HOME/%C"

var (
	ansibleNothing = regexp.MustCompile(`ok=\d+ +changed=0 +unreachable=0 +failed=0`)

	rivals = []rival{
		{
			name:     "ansible",
			dir:      "ansible",
			env:      "ANSIBLE_SSH_ARGS=\"" + openSSH + "\"",
			apply:    "ansible-playbook -i $host, site.yml",
			check:    "ansible-playbook -i $host, --check site.yml",
			nothing:  ansibleNothing,
			persists: true,
		},
		{
			name: "ansible with Mitogen",
			dir:  "ansible",
			env: "ANSIBLE_SSH_ARGS=\"" + openSSH + "\" ANSIBLE_STRATEGY=mitogen_linear " +
				"ANSIBLE_STRATEGY_PLUGINS=$(echo $venv/lib/python3*/site-packages/ansible_mitogen/plugins/strategy)",
			apply:    "ansible-playbook -i $host, site.yml",
			check:    "ansible-playbook -i $host, --check site.yml",
			nothing:  ansibleNothing,
			persists: true,
		},
		{
			name:  "pyinfra",
			dir:   "pyinfra",
			apply: "pyinfra -y --sudo --data ssh_config_file=$HOME/.ssh/config $host deploy.py",
			check: "pyinfra --dry --sudo --data ssh_config_file=$HOME/.ssh/config $host deploy.py",
			// The table after a run, or that of a dry run, in which what waits for another step's change has a column of its own.
			nothing: regexp.MustCompile(`Grand total +\d+ +- +- +\d+|Operation +Change +Conditional Change *\n(    .* - +(-|1 \(\w+\)) *\n)+\n`),
		},
		{
			name:  "bundlewrap",
			dir:   "bundlewrap",
			env:   "BW_SSH_ARGS=\"" + openSSH + "\" BW_SCP_ARGS=\"" + openSSH + "\" BW_ITEM_WORKERS=8",
			apply: "bw apply $host",
			check: "bw verify $host",
			// Between these two lines stands what was done. Skipped is what has nothing to do.
			nothing:  regexp.MustCompile(`started at .*\n.*completed after \d+s +\(\d+ OK, 0 fixed, \d+ skipped, 0 failed\)|100\.0%`),
			persists: true,
		},
	}
)

// benchRivals compares rcprov with the other tools, on one host. One that can't be installed or doesn't do its work here is
// left out, out loud.
func benchRivals(ctx context.Context, runs int, patience time.Duration, names string) (err error) {
	wanted, err := regexp.Compile(names)
	if err != nil {
		return err
	}
	d, aliases, closeDesk, err := newDesk(ctx, runs, false)
	defer func() { err = errors.Join(err, closeDesk()) }()
	if err != nil {
		return err
	}
	if err := os.CopyFS(d.laptop.Home, rivalFiles); err != nil {
		return err
	}
	if err := d.prepare(ctx, aliases); err != nil {
		return err
	}
	fmt.Println("Installing on the host Python, for Ansible, and file(1), for BundleWrap ...")
	if err := d.onHost(ctx, "apt-get -qq install python3 python3-apt file >/dev/null 2>&1"); err != nil {
		return err
	}
	var able []rival
	for _, r := range rivals {
		if !wanted.MatchString(r.name) {
			continue
		}
		fmt.Printf("Trying %s ...\n", r.name)
		err := d.try(ctx, r)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fmt.Printf("%s is left out: %v\n", r.name, err)
		default:
			able = append(able, r)
		}
	}
	if len(able) == 0 {
		return errors.New("there is nothing to compare with")
	}
	fmt.Println("\nWall time in milliseconds, medians; rcprov with a new connection each time.")
	for _, network := range []struct{ name, alias string }{{"", "near"}, {", 25 ms one way", "far"}} {
		if err := d.race(ctx, able, patience, network.name, network.alias); err != nil {
			return err
		}
	}
	return nil
}

// try installs a tool and has it prove that it does the whole work: it repairs a drift of every kind, and says then that
// there is nothing to change, as rcprov does.
func (d *desk) try(ctx context.Context, r rival) error {
	if err := install(ctx, r.dir); err != nil {
		return err
	}
	if err := d.hostScript(ctx, "drift.sh"); err != nil {
		return err
	}
	if _, _, err := d.timeRival(ctx, r, r.apply, "near"); err != nil {
		return err
	}
	if err := d.hostScript(ctx, "repaired.sh"); err != nil {
		return err
	}
	for _, command := range []string{r.apply, r.check} {
		if _, err := d.idle(ctx, r, command, "near", false); err != nil {
			return err
		}
	}
	plan, err := d.laptop.Run(ctx, "plan", "near.hcl")
	if err == nil && plan.Exit != 0 {
		err = fmt.Errorf("rcprov is of another opinion: %s", plan)
	}
	return err
}

// install makes the virtual environment of rivals/NAME, unless it is there for the same requirements.
func install(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", `
		cmp -s "$1" "$2/requirements.txt" && exit
		rm -rf "$2"
		python3 -m venv "$2"
		"$2/bin/pip" install --quiet --disable-pip-version-check -r "$1"
		cp "$1" "$2"`,
		"install", filepath.Join("e2e/bench/rivals", name, "requirements.txt"), filepath.Join(venvs, name))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pip: %w\n%s", err, out)
	}
	return nil
}

// race prints what each tool takes, in turn with rcprov.
func (d *desk) race(ctx context.Context, tools []rival, patience time.Duration, network, alias string) error {
	plan := alias + ".hcl"
	rcprov := func(args ...string) func() (float64, error) {
		return func() (float64, error) { return runTime(d.laptop.Command(ctx, args...)) }
	}
	line := func(what string, theirs, ours func() (float64, error)) error {
		n, their, our, ratio, err := inTurn(d.runs, patience, theirs, ours)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Printf("%-52s %8.0f %8.0f %8.1f %6d\n", what, their, our, 1/ratio, n)
		return nil
	}
	title := func(what string) {
		fmt.Printf("\n%-52s %8s %8s %8s %6s\n", what+network, "theirs", "rcprov", "times", "pairs")
	}

	title("second apply, nothing to change")
	for _, r := range tools {
		err := line(r.name, func() (float64, error) { return d.idle(ctx, r, r.apply, alias, false) }, rcprov("apply", plan))
		if err == nil && r.persists {
			err = line(r.name+", connection open", func() (float64, error) { return d.idle(ctx, r, r.apply, alias, true) }, rcprov("apply", plan))
		}
		if err != nil {
			return err
		}
	}
	title("plan or check, nothing to change")
	for _, r := range tools {
		if err := line(r.name, func() (float64, error) { return d.idle(ctx, r, r.check, alias, false) }, rcprov("plan", plan)); err != nil {
			return err
		}
	}
	title("apply, one edited file repaired")
	for _, r := range tools {
		theirs := d.repair(ctx, func() (float64, error) {
			if err := d.disconnect(ctx, alias); err != nil {
				return 0, err
			}
			_, took, err := d.timeRival(ctx, r, r.apply, alias)
			return took, err
		})
		if err := line(r.name, theirs, d.repair(ctx, rcprov("apply", plan))); err != nil {
			return err
		}
	}
	return nil
}

// idle times a command that has nothing to change, and fails if it doesn't say so.
func (d *desk) idle(ctx context.Context, r rival, command, alias string, open bool) (milliseconds float64, err error) {
	if !open {
		if err := d.disconnect(ctx, alias); err != nil {
			return 0, err
		}
	}
	said, took, err := d.timeRival(ctx, r, command, alias)
	if err == nil && !r.nothing.MatchString(said) {
		err = fmt.Errorf("%s does not say that there is nothing to change:\n%s", command, said)
	}
	return took, err
}

// repair returns what times apply after one file was edited by hand, and fails if the file is not as before then.
func (d *desk) repair(ctx context.Context, apply func() (float64, error)) func() (float64, error) {
	return func() (float64, error) {
		const file = "/srv/bench/conf/07.conf"
		if err := d.onHost(ctx, "sha256sum "+file+" >/root/before; echo edited >>"+file); err != nil {
			return 0, err
		}
		took, err := apply()
		if err != nil {
			return 0, err
		}
		return took, d.onHost(ctx, "sha256sum --quiet -c /root/before")
	}
}

// timeRival runs a tool's command. What it prints goes to a file: a ControlMaster that stays would hold a pipe open.
func (d *desk) timeRival(ctx context.Context, r rival, command, alias string) (said string, milliseconds float64, err error) {
	venv, err := filepath.Abs(filepath.Join(venvs, r.dir))
	if err != nil {
		return "", 0, err
	}
	cmd := d.laptop.Shell(ctx, fmt.Sprintf("host=%s venv=%s; cd rivals/%s; export LC_ALL=C.UTF-8 PATH=$venv/bin:$PATH %s; exec %s >said 2>&1",
		alias, venv, r.dir, r.env, command))
	start := time.Now()
	err = cmd.Run()
	took := time.Since(start)
	out, readErr := os.ReadFile(filepath.Join(d.laptop.Home, "rivals", r.dir, "said"))
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return string(out), float64(took.Microseconds()) / 1000, errors.Join(err, readErr)
}

// disconnect ends the ControlMaster that a tool left behind, if there is one.
func (d *desk) disconnect(ctx context.Context, alias string) error {
	return d.laptop.Shell(ctx, fmt.Sprintf("! ssh %s -O check %s 2>/dev/null || ssh %[1]s -O exit %[2]s 2>/dev/null", openSSH, alias)).Run()
}

// hostScript runs a script of rivals on the host as root.
func (d *desk) hostScript(ctx context.Context, name string) error {
	text, err := rivalFiles.ReadFile("rivals/" + name)
	if err != nil {
		return err
	}
	return d.onHost(ctx, string(text))
}

// onHost runs a script on the host as root.
func (d *desk) onHost(ctx context.Context, script string) error {
	cmd := d.laptop.Shell(ctx, fmt.Sprintf("exec ssh -F %s near 'sudo -n sh -s'", d.laptop.SSHConfig()))
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("on the host: %w\n%s", err, out)
	}
	return nil
}
