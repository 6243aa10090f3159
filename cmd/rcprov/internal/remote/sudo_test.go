package remote

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// fakeSudo does with our options what sudo does: -n refuses or not, -S reads passwords from standard input while it
// WANTS one. The right one is "right". It notes its arguments and what it read.
const fakeSudo = `#!/bin/sh
echo "$*" >>DIR/arguments
case $1 in
-n)
	REFUSE
	shift
	;;
-S)
	shift 3 # -S -p ''
	tries=0
	while WANTS; do
		IFS= read -r word || { echo 'sudo: no password was provided' >&2; exit 1; }
		echo "$word" >>DIR/read
		[ "$word" = right ] && break
		tries=$((tries + 1))
		[ $tries -eq 3 ] && { echo 'sudo: 3 incorrect password attempts' >&2; exit 1; }
		echo 'Sorry, try again.' >&2
	done
	;;
esac
shift # --
exec "$@"
`

// sudoServer is a host where a login that isn't root must use a sudo that refuses -n so, and wants a password or not.
func sudoServer(t *testing.T, refuse, wants string) (*fake, Target) {
	t.Helper()
	server := startFake(t, &ssh.ServerConfig{})
	server.write(t, "sudo", strings.NewReplacer("DIR", server.dir, "REFUSE", refuse, "WANTS", wants).Replace(fakeSudo))
	target := server.target()
	target.Become = Become{}
	return server, target
}

// read returns what the fake sudo noted.
func (f *fake) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(content)
}

// refusesWithout is sudo -n for a user who has to give a password.
const refusesWithout = "echo 'sudo: a password is required' >&2; exit 1"

// useAll does everything that needs root.
func useAll(t *testing.T, c *Conn) {
	t.Helper()
	if stdout, stderr, err := c.Ask(t.Context(), "echo root"); err != nil || string(stdout) != "root\n" || len(stderr) > 0 {
		t.Errorf("asked: %q, %q, %v", stdout, stderr, err)
	}
	if r, err := c.Run(t.Context(), modules.Command{Argv: []string{"cat"}, Stdin: []byte("input")}); err != nil || string(r.Stdout) != "input" {
		t.Errorf("ran: %q, %v", r.Stdout, err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := c.Upload(t.Context(), path, strings.NewReader("content")); err != nil {
		t.Error(err)
	}
	if content, _ := os.ReadFile(path); string(content) != "content" {
		t.Errorf("uploaded %q", content)
	}
}

func TestSudo(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name     string
		refuse   string
		wants    string
		password modules.Secret
		read     string // what sudo may read, each time
	}{
		{"without a password", ":", "false", "", ""},
		{"with a password", refusesWithout, "true", "right", "right\n"},
		{"with one that isn't wanted", ":", "false", "right", ""},
	} {
		t.Run(s.name, func(t *testing.T) {
			server, target := sudoServer(t, s.refuse, s.wants)
			target.Become.Password = s.password
			c, err := server.dialer().Connect(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			useAll(t, c)
			for _, waiting := range c.spares.waiting { // used by nobody else by now
				<-waiting.started
			}
			if got := server.read(t, "read"); got != strings.Repeat(s.read, 3+maxSpare) {
				t.Errorf("sudo read %q", got)
			}
			if arguments := server.read(t, "arguments"); arguments == "" || strings.Contains(arguments, "right") {
				t.Errorf("sudo was called with:\n%s", arguments)
			}
		})
	}
}

func TestSudoRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		says    string // as recorded on hosts
		status  string
		problem SudoProblem
		hint    string
	}{
		{"sudo: a password is required", "1", SudoNeedsPassword, "NOPASSWD"},
		{"sudo-rs: interactive authentication is required", "1", SudoNeedsPassword, "NOPASSWD"},
		{"sudo: sorry, you must have a tty to run sudo", "1", SudoNeedsTerminal, "requiretty"},
		{"someone is not in the sudoers file.", "1", SudoNotAllowed, "adduser someone sudo"},
		{"Sorry, user someone is not allowed to execute 'sh -s' as root on host.", "1", SudoNotAllowed, "adduser"},
		{"sudo-rs: I'm sorry someone. I'm afraid I can't do that", "1", SudoNotAllowed, "adduser"},
		{"env: 'sudo': No such file or directory", "127", SudoMissing, "apt-get install sudo"},
		{"env: can't execute 'sudo': No such file or directory", "127", SudoMissing, "apt-get install sudo"},
	} {
		server, target := sudoServer(t, `echo "`+s.says+`" >&2; exit `+s.status, "false")
		c, err := server.dialer().Connect(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Ask(t.Context(), "echo")
		_, runErr := c.Run(t.Context(), modules.Command{Argv: []string{"true"}})
		for _, err := range []error{err, runErr, c.Upload(t.Context(), "/none", strings.NewReader(""))} {
			var refused *SudoError
			if !errors.As(err, &refused) || refused.Problem != s.problem || !strings.Contains(explained(err), s.hint) {
				t.Errorf("%s: got %v", s.says, err)
			}
		}
		_ = c.Close()
	}
}

func TestSudoWrongPassword(t *testing.T) {
	t.Parallel()
	server, target := sudoServer(t, refusesWithout, "true")
	target.Become.Password = "wrong"
	c, err := server.dialer().Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _, err = c.Ask(t.Context(), "echo a secret question")
	var refused *SudoError
	if !errors.As(err, &refused) || refused.Problem != SudoWrongPassword || strings.Contains(explained(err), "wrong ") {
		t.Errorf("got %v", err)
	}
	if got := server.read(t, "read"); got != "wrong\n" {
		t.Errorf("sudo took as passwords: %q", got)
	}
}

func TestSudoPasswordIsAskedOnce(t *testing.T) {
	t.Parallel()
	server, target := sudoServer(t, refusesWithout, "true")
	d := server.dialer()
	prompt := &script{answers: []string{"typo", "right"}}
	d.Prompt = prompt
	for range 2 { // the second host has the same
		c, err := d.Connect(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		useAll(t, c)
		again, err := c.Reconnect(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		useAll(t, again.(*Conn))
		_, _ = again.Close(), c.Close()
	}
	if !slices.Equal(prompt.asked, []string{
		"sudo password of someone on fake: ",
		"sudo did not accept that password. Try again (2 of 3): sudo password of someone on fake: ",
	}) {
		t.Errorf("asked %q", prompt.asked)
	}
}

func TestLoginShellNoise(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "ForceCommand echo noise; echo noise >&2; sh -c \"$SSH_ORIGINAL_COMMAND\"")
	useAll(t, server.connect(t, server.dialer(), server.target()))
}

// TestLoginEnvironment is a login whose start-up files set what root's do on some host: neither what rcprov learns nor
// what its commands write depends on it.
func TestLoginEnvironment(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "ForceCommand umask 077; export POSIXLY_CORRECT=1 TMPDIR=/nowhere SYSTEMD_COLORS=1 https_proxy=kept PATH=/bin; "+
		"sh -c \"$SSH_ORIGINAL_COMMAND\"")
	c := server.connect(t, server.dialer(), server.target())
	const script = `umask; echo "$PATH"; env | grep -E '^(POSIXLY_CORRECT|TMPDIR|SYSTEMD_COLORS|https_proxy)='`
	const want = "0022\n/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nhttps_proxy=kept\n"
	if stdout, _, err := c.Ask(t.Context(), script); err != nil || string(stdout) != want {
		t.Errorf("asked: %q, %v, want %q", stdout, err, want)
	}
	if r, err := c.Run(t.Context(), modules.Command{Script: script}); err != nil || string(r.Stdout) != want {
		t.Errorf("ran: %q, %v, want %q", r.Stdout, err, want)
	}
}

// TestLoginRefuses is an account that can log in and run nothing, with and without a password for sudo.
func TestLoginRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		says    string // as recorded on hosts
		problem SudoProblem
		hint    string
	}{
		{"echo This account is currently not available.", LoginDisabled, "chsh"},
		{"echo Password change required but no TTY available. >&2", PasswordExpired, "chage"},
		{"echo sudo: Account or password is expired, reset your password and try again >&2", PasswordExpired, "chage"},
	} {
		server := startSSHD(t, "ForceCommand "+s.says+"; exit 1")
		for _, password := range []modules.Secret{"", "right"} {
			target := server.target()
			target.Become = Become{Password: password}
			c := server.connect(t, server.dialer(), target)
			c.user = "someone" // root needs no sudo
			_, _, err := c.Ask(t.Context(), "echo")
			var refused *SudoError
			if !errors.As(err, &refused) || refused.Problem != s.problem || !strings.Contains(explained(err), s.hint) {
				t.Errorf("%s, with a password %t: got %v", s.says, password != "", err)
			}
		}
	}
}

// A ForceCommand that splits its words without a shell works where sudo needs no password; else the error shows what it said.
func TestWrapperWithoutShell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ password, want string }{
		"no password": {"", ""},
		"password":    {"right", "Unterminated quoted string"},
	} {
		server, target := sudoServer(t, ":", "false")
		if c.password != "" {
			server, target = sudoServer(t, refusesWithout, "true")
			target.Become.Password = modules.Secret(c.password)
		}
		server.split = true
		conn, err := server.dialer().Connect(t.Context(), target)
		if err == nil {
			defer func() { _ = conn.Close() }()
			_, _, err = conn.Ask(t.Context(), "true")
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
		var hint *modules.HintError
		if c.want != "" && (!errors.As(err, &hint) || !strings.Contains(hint.Hint, "splits commands into words")) {
			t.Errorf("%s: %v has no hint", name, err)
		}
	}
}
