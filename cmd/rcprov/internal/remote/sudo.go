package remote

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// startRoot starts program, a simple shell command, as root. Its standard input is free for the caller.
func (c *Conn) startRoot(ctx context.Context, program string) (*process, error) {
	if c.user == "root" || c.target.Become.Method == "none" {
		return c.start(ctx, "exec "+program)
	}
	password := c.sudoPassword()
	if password == "" {
		// LC_ALL=C: sudo's complaints are read by classifySudo.
		return c.start(ctx, "exec env LC_ALL=C sudo -n -- "+program)
	}
	return c.startWithPassword(ctx, program, password)
}

func (c *Conn) start(ctx context.Context, command string) (*process, error) {
	p, err := c.via.start(ctx, command)
	if err != nil {
		return nil, c.explainStart(ctx, err)
	}
	return p, nil
}

func (c *Conn) sudoPassword() string {
	return string(c.target.Become.Password)
}

// startWithPassword starts program by a sudo that may ask for a password on standard input.
//
// Whether sudo asks can't be known before (NOPASSWD, a cached credential), and what it doesn't read goes to the
// program; after a wrong password it reads on, to try the next line. So nothing but the password is sent until the
// other side says that it is root, and it then skips what comes before the mark: the password, if sudo left it.
// sudo and sudo-rs read byte by byte and take no more than a line.
func (c *Conn) startWithPassword(ctx context.Context, program, password string) (*process, error) {
	mark := newMark()
	wait := fmt.Sprintf(`echo; echo %[1]s; echo >&2; echo %[1]s >&2; `+
		`while IFS= read -r line && [ "$line" != %[1]s ]; do :; done; exec %[2]s`, mark, program)
	p, err := c.start(ctx, "exec env LC_ALL=C sudo -S -p '' -- sh -c "+observe.Quote(wait))
	if err != nil {
		return nil, err
	}
	type heard struct {
		said []byte
		err  error
	}
	ready := make(chan heard, 1)
	go func() {
		said, err := skipPassword(p.stderr, mark)
		if err == nil {
			_, err = skipTo(p.stdout, mark)
		}
		ready <- heard{said, err}
	}()
	_, writeErr := io.WriteString(p.stdin, password+"\n")
	select {
	case h := <-ready:
		if err = cmp.Or(h.err, writeErr); err == nil {
			_, err = io.WriteString(p.stdin, mark+"\n")
		}
		if err != nil {
			_ = p.stdin.Close() // sudo gives up instead of waiting for another password
			defer p.kill()
			return nil, c.explainEnd(p, h.said, err)
		}
		return p, nil
	case <-ctx.Done():
		p.kill()
		return nil, fmt.Errorf("sudo gave no answer: %w", context.Cause(ctx))
	}
}

// errWrongPassword is sudo asking again.
var errWrongPassword = errors.New("sudo did not accept the password")

// skipPassword reads what sudo says up to the mark. It returns that, too.
func skipPassword(r *bufio.Reader, mark string) (said []byte, err error) {
	found := false
	err = eachLine(r, func(line []byte) bool {
		if found = isLine(line, mark); found {
			return false
		}
		said = append(said, line...)
		return !bytes.Contains(line, []byte("try again"))
	})
	switch {
	case found:
		return said, nil
	case err == nil:
		return said, errWrongPassword
	default:
		return said, errSilent
	}
}

// classifySudo tells from what sudo or the login shell said why there is no root shell; nil if it can't be told.
//
// Sources: sudo 1.9.13 and 1.9.16 (plugins/sudoers), sudo-rs 0.2.5, as seen on Debian 12 and 13.
func classifySudo(user, said string, status int) error {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	fail := func(reason, hint string) error {
		return modules.WithHint(&SudoError{User: user, Reason: reason, Said: said}, "%s", hint)
	}
	switch {
	case has("try again", "incorrect password attempt", "incorrect authentication attempt"):
		return fail("sudo did not accept the password", "Check become_password; sudo wants the password of "+user+" on that host.")
	case has("a password is required", "interactive authentication is required", "a terminal is required"):
		return fail("sudo asks for a password", fmt.Sprintf("Set the host's become password, or allow `%s ALL=(ALL) NOPASSWD: ALL` with `visudo -f /etc/sudoers.d/%s` there.", user, user))
	case has("must have a tty"):
		return fail("sudo refuses without a terminal", fmt.Sprintf("Take `requiretty` out of the host's sudoers, or add `Defaults:%s !requiretty`.", user))
	case has("not in the sudoers file", "may not run sudo", "is not allowed to", "can't do that"):
		return fail("sudo does not allow "+user+" to become root", fmt.Sprintf("On the host: `adduser %s sudo`, or a rule for %s in sudoers that allows all commands.", user, user))
	case status == 127 && has("sudo") || has("sudo: not found", "sudo: command not found", "sudo’: No such file", "sudo': No such file"):
		return fail("there is no sudo", "Install it there (`apt-get install sudo`), or log in as root.")
	case has("account is currently not available"):
		return fail("the login shell of "+user+" refuses", "Give "+user+" a shell on the host (`chsh -s /bin/sh "+user+"`), or use another user.")
	}
	return nil
}
