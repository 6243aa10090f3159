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
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// startRoot starts program, a simple shell command, as root. Its standard input is free for the caller. There is no exec before it:
// rbash restricts that, and a ForceCommand that runs $SSH_ORIGINAL_COMMAND has no shell for it.
func (c *Conn) startRoot(ctx context.Context, program string) (*process, error) {
	if c.user == "root" || c.target.Become.Method == "none" {
		return c.start(ctx, program)
	}
	password := c.sudoPassword()
	if password == "" {
		// LC_ALL=C: classifySudo reads sudo's messages.
		return c.start(ctx, "env LC_ALL=C sudo -n -- "+program)
	}
	return c.startWithPassword(ctx, program, password)
}

func (c *Conn) start(ctx context.Context, command string) (*process, error) {
	opened := make(chan struct{})
	defer close(opened)
	opening, cancel := c.whileAwaited(ctx, "the host to open a session for "+c.user, opened)
	defer cancel(nil)
	p, err := c.via.start(opening, command)
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) && c.makeRoom(opening) {
		p, err = c.via.start(opening, command)
	}
	if err != nil {
		return nil, c.explainStart(opening, err)
	}
	return p, nil
}

// typedPasswords holds the passwords that a person typed, by the login, or for sudo by the host, that they are for. No other one gets
// them, unless the person says so: a host that is broken into could ask for what is not its own.
type typedPasswords struct {
	mu   sync.Mutex
	of   map[string]string
	last string // whose was typed last
}

// latest returns the password that was typed last, and whose it is.
func (p *typedPasswords) latest() (who, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.of[p.last]
}

func (p *typedPasswords) get(who string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[who]
}

func (p *typedPasswords) set(who, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = make(map[string]string)
	}
	p.of[who], p.last = password, who
}

// sudoPassword returns the password for this connection's sudo; empty: sudo must not ask.
func (c *Conn) sudoPassword() string {
	c.sudoMu.Lock()
	defer c.sudoMu.Unlock()
	return c.password
}

// asRoot calls do, which starts something as root. It calls do again each time sudo wanted a password and a person typed one.
// Nothing ran as root when sudo refused, so repeating is safe.
func (c *Conn) asRoot(ctx context.Context, do func() error) error {
	for {
		used := c.sudoPassword()
		err := do()
		var sudo *SudoError
		if err == nil || !errors.As(err, &sudo) {
			return err
		}
		wanted := sudo.Problem == SudoNeedsPassword || sudo.Problem == SudoWrongPassword
		if !wanted || c.dialer.Prompt == nil || c.target.Become.Password != "" {
			return err
		}
		if askErr := c.askPassword(ctx, used); askErr != nil {
			return errors.Join(err, askErr)
		}
	}
}

var errTooMany = errors.New("no more attempts")

// askPassword sets another password than used, which sudo didn't accept: one that was typed for an earlier connection to this host,
// or a new one, which may be the one for another host if the person says so.
func (c *Conn) askPassword(ctx context.Context, used string) error {
	release, err := c.dialer.ask(ctx)
	if err != nil {
		return err
	}
	defer release()
	c.sudoMu.Lock()
	defer c.sudoMu.Unlock()
	if c.password != used { // another call has asked in the meantime
		return nil
	}
	mine := c.user + " on " + c.target.Name
	if typed := c.dialer.passwords.get(mine); typed != "" && used == "" {
		c.password = typed
		return nil
	}
	if c.asked++; c.asked > maxPasswords {
		return errTooMany
	}
	other, otherPassword := c.dialer.passwords.latest()
	question := fmt.Sprintf("sudo password of %s: ", mine)
	if other != "" && other != mine && used == "" {
		question = fmt.Sprintf("sudo password of %s (just Enter sends it that of %s): ", mine, other)
	} else {
		otherPassword = ""
	}
	if used != "" {
		question = fmt.Sprintf("sudo did not accept that password. Try again (%d of %d): %s", c.asked, maxPasswords, question)
	}
	c.password, err = c.dialer.Prompt.AskSecret(ctx, question)
	if err == nil && c.password == "" {
		c.password = otherPassword
	}
	if err == nil && c.password == "" {
		err = errors.New("no password was given")
	}
	if err == nil {
		c.dialer.passwords.set(mine, c.password)
	}
	return err
}

// startWithPassword starts program by a sudo that may ask for a password on standard input.
//
// Whether sudo asks is unknown (NOPASSWD, a cached credential), and what it doesn't read goes to the program; after a wrong
// password it reads the next line. So nothing but the password is sent until the other side reports that it is root. Then
// that skips everything before the mark: the password, if sudo did not read it. sudo and sudo-rs read byte by byte, and no
// more than a line.
func (c *Conn) startWithPassword(ctx context.Context, program, password string) (*process, error) {
	mark := newMark()
	wait := fmt.Sprintf(`echo; echo %[1]s; echo >&2; echo %[1]s >&2; `+
		`while IFS= read -r line && [ "$line" != %[1]s ]; do :; done; exec %[2]s`, mark, program)
	p, err := c.start(ctx, "env LC_ALL=C sudo -S -p '' -- sh -c "+shell.Quote(wait))
	if err != nil {
		return nil, err
	}
	answered := make(chan struct{})
	defer close(answered)
	ctx, stopWaiting := c.whileShellStarts(ctx, answered)
	defer stopWaiting()
	type heard struct {
		output []byte
		err    error
	}
	ready := make(chan heard, 1)
	go func() {
		output, err := skipPassword(p.stderr, mark)
		if err == nil {
			_, err = skipTo(p.stdout, mark)
		} else if errors.Is(err, errSilent) { // a login shell prints its refusal on standard output
			refused, _ := skipTo(p.stdout, mark)
			output = append(refused, output...)
		}
		ready <- heard{output, err}
	}()
	_, writeErr := io.WriteString(p.stdin, password+"\n")
	select {
	case h := <-ready:
		if err = cmp.Or(h.err, writeErr); err == nil {
			_, err = io.WriteString(p.stdin, mark+"\n")
		}
		if err != nil {
			p.kill() // sudo gives up instead of waiting for another password
			return nil, c.explainEnd(p, h.output, err)
		}
		return p, nil
	case <-ctx.Done():
		p.kill()
		return nil, fmt.Errorf("sudo did not answer: %w", context.Cause(ctx))
	}
}

// errWrongPassword means that sudo asks again.
var errWrongPassword = errors.New("sudo did not accept the password")

// skipPassword reads what sudo prints, up to the mark, and returns the end of it.
func skipPassword(r *bufio.Reader, mark string) (output []byte, err error) {
	found := false
	var said tail
	err = eachLine(r, func(line []byte) bool {
		if found = isLine(line, mark); found {
			return false
		}
		_, _ = said.Write(line)
		return !bytes.Contains(line, []byte("try again"))
	})
	output = said.bytes()
	switch {
	case found:
		return output, nil
	case err == nil:
		return output, errWrongPassword
	default:
		return output, errSilent
	}
}

// classifySudo returns why there is no root shell, by the output of sudo or the login shell; nil if that is unknown.
//
// Sources: sudo 1.9.13 and 1.9.16 (plugins/sudoers), sudo-rs 0.2.5, as seen on Debian 12 and 13.
func classifySudo(user, output string, status int) error {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(output, w) {
				return true
			}
		}
		return false
	}
	fail := func(problem SudoProblem, hint string) error {
		return modules.WithHint(&SudoError{User: user, Problem: problem, Output: output}, "%s", hint)
	}
	switch {
	case has("Password change required", "password is expired", "required to change your password"): // sshd, sudo ("... and try again"), PAM
		return fail(PasswordExpired, "Log in as "+user+" by hand and set a new password, as new hosts of some providers require, or run `chage -d -1 "+user+"` there.")
	case has("try again", "incorrect password attempt", "incorrect authentication attempt"):
		return fail(SudoWrongPassword, "Check become_password; sudo wants the password of "+user+" on that host.")
	case has("a password is required", "interactive authentication is required", "a terminal is required"):
		return fail(SudoNeedsPassword, fmt.Sprintf("Set the host's become password, or allow `%s ALL=(ALL) NOPASSWD: ALL` with `visudo -f /etc/sudoers.d/%s` there.", user, user))
	case has("must have a tty"):
		return fail(SudoNeedsTerminal, fmt.Sprintf("Remove `requiretty` from the host's sudoers, or add `Defaults:%s !requiretty`.", user))
	case has("not in the sudoers file", "may not run sudo", "is not allowed to", "can't do that"):
		return fail(SudoNotAllowed, fmt.Sprintf("On the host, run `adduser %s sudo`, or add a rule for %s to sudoers that allows all commands.", user, user))
	case status == 127 && has("sudo") || has("sudo: not found", "sudo: command not found", "sudo’: No such file", "sudo': No such file"):
		return fail(SudoMissing, "Install it there (`apt-get install sudo`), or log in as root.")
	case has("account is currently not available"):
		return fail(LoginDisabled, "Give "+user+" a shell on the host (`chsh -s /bin/sh "+user+"`), or use another user.")
	}
	return nil
}
