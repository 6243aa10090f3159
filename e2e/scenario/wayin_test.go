package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// otherKey lets nobody in: its other half is nowhere.
const otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0rGm3sGvSJBlYvGJSLVTSLPEUP1HKfhoKaGUDX1Xto nobody"

// TestWayIn has steps that would shut rcprov out of the host, of modules that know nothing of that. Those that certainly would
// are refused, in plan already; the others are made, and taken back by the host. After each rcprov still gets in.
func TestWayIn(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, "")
	refused := map[string]struct{ step, want string }{
		"the login is removed":    {`user "it" { name = "` + lab.User + `", state = "absent" }`, "rcprov is logged in as " + lab.User + ", whom this step would remove"},
		"the login is locked":     {`user "it" { name = "` + lab.User + `", locked = true }`, "whose account this step would lock"},
		"the login has no shell":  {`user "it" { name = "` + lab.User + `", shell = "/usr/sbin/nologin" }`, "who could run nothing with the shell /usr/sbin/nologin"},
		"its home is removed":     {`directory "it" { path = "/home/` + lab.User + `", state = "absent", force = true }`, "the home of " + lab.User},
		"sudo is removed":         {`apt_package "it" { packages = ["sudo"], state = "absent" }`, "becomes root by sudo, which goes with the package sudo"},
		"sshd is removed":         {`apt_package "it" { packages = ["openssh-server"], state = "absent" }`, "rcprov gets in through sshd"},
		"sshd is stopped":         {`systemd_unit "it" { name = "ssh.service", running = false }`, "nobody could log in without ssh.service"},
		"sshd is not for a boot":  {`systemd_unit "it" { name = "ssh.service", enabled = false }`, "nobody could log in without ssh.service"},
		"sshd can't be started":   {`systemd_unit "it" { name = "ssh.service", masked = true }`, "nobody could log in while ssh.service is masked"},
		"a block for all of sshd": {`systemd_unit "it" { name = "ssh.service", state = "absent" }`, "nobody could log in without ssh.service"},
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) { // on one host: always in the same order
		c := refused[name]
		writeStep(t, h, laptop, strings.NewReplacer("{ ", "{\n", ", ", "\n", " }", "\n}").Replace(c.step))
		for _, command := range []string{"plan", "apply"} {
			r, err := laptop.Run(t.Context(), command, "plan.hcl")
			if err != nil {
				t.Fatal(err)
			}
			if r.Exit != 1 || !strings.Contains(unwrap(r.Stdout+r.Stderr), "this would shut rcprov out: ") || !strings.Contains(unwrap(r.Stdout+r.Stderr), c.want) {
				t.Errorf("%s: %s: want %q\n%v", name, command, c.want, r)
			}
		}
	}
	getsIn(t, h, laptop)
}

func TestWayInTakenBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ step, about, back string }{
		"keys": {
			"authorized_key \"it\" {\nuser = \"" + lab.User + "\"\nkey = \"" + otherKey + "\"\nexclusive = true\n}",
			"the keys of " + lab.User, "! grep -q nobody /home/" + lab.User + "/.ssh/authorized_keys",
		},
		"sudoers": {
			"file \"it\" {\npath = \"/etc/sudoers.d/lab\"\nstate = \"absent\"\n}",
			"/etc/sudoers.d/lab", "test -f /etc/sudoers.d/lab",
		},
		"sudoers that sudo refuses": {
			"file \"it\" {\npath = \"/etc/sudoers.d/it\"\ncontent = \"what?\\n\"\nmode = \"0440\"\n}\nfile \"other\" {\npath = \"/etc/sudoers.d/lab\"\ncontent = \"what?\\n\"\n}",
			"/etc/sudoers.d/", "grep -q NOPASSWD /etc/sudoers.d/lab",
		},
		"the home's mode": {
			"directory \"it\" {\npath = \"/home/" + lab.User + "\"\nmode = \"0777\"\nowner = \"" + lab.User + "\"\ngroup = \"" + lab.User + "\"\n}",
			"/home/" + lab.User, "test \"$(stat -c %a /home/" + lab.User + ")\" != 777",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, laptop := launch(t, "")
			writeStep(t, h, laptop, c.step)
			r, err := laptop.Run(t.Context(), "plan", "plan.hcl")
			if err != nil {
				t.Fatal(err)
			}
			if want := "rcprov gets in by way of " + c.about; r.Exit != 2 || !strings.Contains(unwrap(r.Stdout), want) {
				t.Errorf("want %q\n%v", want, r)
			}
			r, err = laptop.Run(t.Context(), "apply", "plan.hcl")
			if err != nil {
				t.Fatal(err)
			}
			if want := "the previous state is back, and a new login works again"; r.Exit != 1 || !strings.Contains(unwrap(r.Stdout+r.Stderr), want) {
				t.Errorf("want %q\n%v", want, r)
			}
			must(t, h, c.back)
			must(t, h, "journalctl -q -t rcprov | grep -q 'way-in: the previous state is back'")
			getsIn(t, h, laptop)
		})
	}
}

// TestWayInSSHD writes a configuration that sshd refuses: it is taken back before a reload or a boot could meet it.
func TestWayInSSHD(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, "")
	writeStep(t, h, laptop, "file \"it\" {\npath = \"/etc/ssh/sshd_config.d/it.conf\"\ncontent = \"Nonsense yes\\n\"\n}")
	r, err := laptop.Run(t.Context(), "apply", "plan.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sshd refuses its configuration after this step: ", "Bad configuration option: Nonsense", "the previous state is back"} {
		if r.Exit != 1 || !strings.Contains(unwrap(r.Stdout+r.Stderr), want) {
			t.Errorf("want %q\n%v", want, r)
		}
	}
	must(t, h, "test ! -e /etc/ssh/sshd_config.d/it.conf")
	// What lets us in is made, confirmed, and in force at once.
	writeStep(t, h, laptop, "file \"it\" {\npath = \"/etc/ssh/sshd_config.d/it.conf\"\ncontent = \"MaxAuthTries 4\\n\"\n}")
	if steps := changed(t, apply(t, laptop, 0)); fmt.Sprint(steps) != "[file.it]" {
		t.Errorf("changed %q", steps)
	}
	must(t, h, "test -e /var/lib/rcprov/deadman/way-in/confirmed")
	if steps := changed(t, apply(t, laptop, 0)); steps != nil {
		t.Errorf("changed again: %q", steps)
	}
	getsIn(t, h, laptop)
}

func writeStep(t *testing.T, h *lab.Host, laptop *rcprov.Laptop, step string) {
	t.Helper()
	if _, err := laptop.WriteFile("plan.hcl", rcprov.HostBlock(h, "h1")+"play \"p\" {\nhosts = [host.h1]\n"+step+"\n}\n"); err != nil {
		t.Fatal(err)
	}
}

// getsIn applies a step that touches nothing that matters.
func getsIn(t *testing.T, h *lab.Host, laptop *rcprov.Laptop) {
	t.Helper()
	writeStep(t, h, laptop, "file \"it\" {\npath = \"/etc/it\"\n}")
	apply(t, laptop, 0)
}

// unwrap joins the lines that a message was broken into.
func unwrap(text string) string { return strings.Join(strings.Fields(text), " ") }
