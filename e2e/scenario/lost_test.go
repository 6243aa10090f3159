package scenario

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// slowPackage puts a package into an apt repository on the host, whose installation is under way until /run/go is there.
const slowPackage = `set -e
mkdir -p /srv/repo /srv/slow/DEBIAN
cd /srv
printf '%s\n' 'Package: slow' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@example.org>' 'Description: slow' >slow/DEBIAN/control
printf '%s\n' '#!/bin/sh' 'echo configured >>/run/begun' 'while ! test -e /run/go; do sleep 0.1; done' >slow/DEBIAN/postinst
chmod 755 slow/DEBIAN/postinst
dpkg-deb --build slow repo/slow.deb >/dev/null
cd repo
{ cat ../slow/DEBIAN/control
echo "Filename: ./slow.deb"
echo "Size: $(stat -c %s slow.deb)"
echo "SHA256: $(sha256sum slow.deb | cut -d ' ' -f 1)"; } >Packages
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/slow.list
`

// installSlow is a play that installs that package.
const installSlow = `
play "p" {
  hosts = [host.h1]
  apt_package "slow" {
    packages = ["slow"]
  }
  file "last" {
    path    = "/etc/last"
    content = "3\n"
  }
}
`

// TestLostConnection takes the connection away from a run whose host is at work: the same run ends it.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, installSlow)
	must(t, h, slowPackage)
	l := lost{h, laptop}
	// The same files as before, but nobody waits a minute for a host that is silent.
	config, err := os.ReadFile(laptop.SSHConfig())
	if err != nil {
		t.Fatal(err)
	}
	config = fmt.Appendf(config, "ServerAliveInterval 2\nIdentityFile %s\nUser %s\nPort %d\n", h.KeyFile, lab.User, h.Port)
	if err := os.WriteFile(laptop.SSHConfig(), config, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("closed", func(t *testing.T) { l.try(t, "KILL", "the host closed it") })
	t.Run("silent", func(t *testing.T) { l.try(t, "STOP", "the host has been silent for ") })
	t.Run("silent master", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "master") //nolint:usetesting // a socket's path must be short
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := os.WriteFile(laptop.SSHConfig(), fmt.Appendf(config, "ControlPath %s/%%C\n", dir), 0o600); err != nil {
			t.Fatal(err)
		}
		master := "ssh -F " + laptop.SSHConfig() + " "
		if out, err := laptop.Shell(t.Context(), master+"-o ServerAliveInterval=0 -M -N -f "+h.Address).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		defer func() { _ = laptop.Shell(t.Context(), master+"-q -O exit "+h.Address).Run() }()
		l.try(t, "STOP", "the host has been silent for ")
	})
}

// signalSSHD is shell that sends a signal to the sshd of the run that has the lock: KILL closes its connection, STOP makes
// it silent. The variable shell is the root shell of that connection then, and /run/sshds names the processes.
func signalSSHD(signal string) string {
	return `set -e
shell=$(head -n 1 /run/rcprov/holder)
pid=$shell
: >/run/sshds
while pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status"); [ "$pid" -gt 1 ]; do
	case $(tr '\0' ' ' <"/proc/$pid/cmdline") in
	*listener*) break ;;
	sshd*) echo "$pid" >>/run/sshds ;;
	esac
done
for pid in $(cat /run/sshds); do kill -` + signal + ` "$pid" || :; done
`
}

// goWhenWaitedFor is shell that lets the host's work end when a new root shell has taken the lock, has said that it waits for
// that work, and has asked again.
const goWhenWaitedFor = `
first=
for i in $(seq 600); do
	sleep 0.1
	if [ "$(head -n 1 /run/rcprov/holder)" = "$shell" ]; then continue; fi
	now=$(stat -c %i /run/rcprov/holder)
	first=${first:-$now}
	if [ "$now" != "$first" ]; then
		touch /run/go
		exit
	fi
done
exit 1`

// TestLostConnectionInCommand: a command is waited for, too, and what it was a part of is done again.
func TestLostConnectionInCommand(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, slow)
	run := begin(t, h, laptop)
	must(t, h, signalSSHD("KILL")+goWhenWaitedFor)
	r := run.end()
	if steps := changed(t, r); r.Exit != 0 || strings.Join(steps, " ") != "file.first file.slow file.last" {
		t.Errorf("exit status %d, changed %q\n%v", r.Exit, steps, r)
	}
	if want := "waiting for a command, started before the connection broke"; !strings.Contains(r.Stdout, want) {
		t.Errorf("it doesn't say %q:\n%v", want, r)
	}
	must(t, h, `test "$(cat /etc/first /etc/slow /etc/last)" = "$(printf '1\n2\n3')" && test -z "$(ls -A /etc | grep rcprov)" && test -z "$(ls /run/rcprov | grep -v lock)"`)
}

type lost struct {
	*lab.Host
	laptop *rcprov.Laptop
}

// try applies the plan and takes its connection away while apt is at work, by sending a signal to its sshd.
func (l lost) try(t *testing.T, signal, why string) {
	must(t, l.Host, "rm -f /run/begun /run/go /etc/last /var/log/apt/history.log /var/lib/rcprov/journal.jsonl; dpkg -P slow")
	run := begin(t, l.Host, l.laptop)
	must(t, l.Host, signalSSHD(signal)+goWhenWaitedFor)
	r := run.end()
	must(t, l.Host, "for pid in $(cat /run/sshds); do kill -9 $pid 2>/dev/null || :; done")
	if steps := changed(t, r); r.Exit != 0 || strings.Join(steps, " ") != "apt_package.slow file.last" {
		t.Errorf("exit status %d, changed %q\n%v", r.Exit, steps, r)
	}
	for _, want := range []string{"broke: " + why, `"type":"connection_back"`, "waiting for rcprov-apt.service, started before the connection broke: Setting up slow (1) ..."} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("it doesn't say %q:\n%v", want, r)
		}
	}
	must(t, l.Host, `set -ex
test "$(cat /run/begun)" = configured
test "$(grep -c ^Start-Date /var/log/apt/history.log)" = 1
test "$(dpkg-query -W -f '${db:Status-Status}' slow)" = installed
journal=/var/lib/rcprov/journal.jsonl
test "$(grep -c '"step":"apt_package.slow","what":"begun"' $journal) $(grep -c '"step":"apt_package.slow","what":"changed"' $journal) $(wc -l <$journal)" = '1 1 4'
flock -n /run/rcprov/lock true
test ! -e /run/rcprov/holder`)
	if steps := changed(t, apply(t, l.laptop, 0)); steps != nil {
		t.Errorf("the next apply changed %q", steps)
	}
}
