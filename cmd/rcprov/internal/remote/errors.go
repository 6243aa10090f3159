package remote

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// An UnreachableError is the error of a host to which no SSH connection could be made.
type UnreachableError struct {
	Address string // "host:port"
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("connect to %s: %s", e.Address, strings.TrimPrefix(modules.Network(e.Err).Error(), e.Address+": "))
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Is makes it a [modules.ErrUnreachable].
func (e *UnreachableError) Is(target error) bool { return target == modules.ErrUnreachable }

// An AuthError is the error of a server that refused the login.
type AuthError struct {
	User    string
	Address string   // "host:port"
	Allowed []string // the methods that the server accepts: "publickey", "password", ...
	Tried   []string // what was offered, as text: "key /home/me/.ssh/id_ed25519 (SHA256:...)", "password"
	Skipped []string // what was not offered, and why
	Err     error
}

func (e *AuthError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s refused to log in %s", e.Address, e.User)
	if len(e.Allowed) > 0 {
		fmt.Fprintf(&b, " (it accepts %s)", strings.Join(e.Allowed, ", "))
	}
	if len(e.Tried) == 0 {
		b.WriteString("; there was nothing to offer")
	} else {
		fmt.Fprintf(&b, "; offered: %s", strings.Join(e.Tried, ", "))
	}
	if len(e.Skipped) > 0 {
		fmt.Fprintf(&b, "; not offered: %s", strings.Join(e.Skipped, ", "))
	}
	return b.String()
}

func (e *AuthError) Unwrap() error { return e.Err }

// A SudoError is the error of a user who could not become root.
type SudoError struct {
	User    string
	Problem SudoProblem
	Output  string // all that sudo printed
}

func (e *SudoError) Error() string {
	if e.Problem == LoginDisabled || e.Problem == PasswordExpired { // may be root's own
		return fmt.Sprintf("%s can log in, but can't run anything: %s", e.User, e.Problem)
	}
	return fmt.Sprintf("%s can't become root: %s", e.User, e.Problem)
}

// SudoProblem is why a user could not become root.
type SudoProblem string

// The problems.
const (
	SudoMissing       SudoProblem = "there is no sudo on the host"
	SudoNeedsPassword SudoProblem = "sudo asks for a password"
	SudoWrongPassword SudoProblem = "sudo did not accept the password"
	SudoNeedsTerminal SudoProblem = "sudo refuses without a terminal"
	SudoNotAllowed    SudoProblem = "sudo does not allow it"
	LoginDisabled     SudoProblem = "the user's login shell refuses"
	PasswordExpired   SudoProblem = "the user's password has expired"
)

// A LostError is the error of a connection that broke while it was used.
type LostError struct {
	Address string // "user@host:port"
	Err     error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the connection to %s broke: %v", e.Address, modules.Network(e.Err))
}

func (e *LostError) Unwrap() error { return e.Err }

// explainStart returns why a program could not be started.
func (c *Conn) explainStart(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if lost := c.via.lost(); lost != nil {
		return c.lostError(lost)
	}
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return modules.WithHint(fmt.Errorf("sshd refused another session (%s)", refused.Message),
			"Raise `MaxSessions` in the host's sshd_config to 8 or more; 10 is the default.")
	}
	if lost := c.lostSoon(); lost != nil {
		return c.lostError(lost)
	}
	return err
}

// explainEnd returns why a program ended too early; output is what it had printed.
func (c *Conn) explainEnd(p *process, output []byte, err error) error {
	select {
	case <-p.ended:
	case <-time.After(patience):
	}
	if lost := c.via.lost(); lost != nil {
		return c.lostError(lost)
	}
	status := -1
	select {
	case <-p.ended:
		if p.err == nil {
			status = p.status
		}
	default:
	}
	text := strings.TrimSpace(string(output))
	if _, program, ok := strings.Cut(text, notTheShell+" "); ok {
		program, _, _ = strings.Cut(program, "\n")
		return c.startupError(path.Base(strings.TrimLeft(program, "-")))
	}
	if _, other, ok := strings.Cut(text, notRoot+" "); ok {
		other, _, _ = strings.Cut(other, "\n")
		return modules.WithHint(fmt.Errorf("%s becomes %s on the host, not root", c.user, other),
			"`sudo -n id` there must print root's: see `runas_default` in its sudoers, and what the start-up files of %s do.", c.user)
	}
	if sudo := classifySudo(c.user, text, status); sudo != nil {
		return sudo
	}
	how := "without an exit status"
	if status >= 0 {
		how = fmt.Sprintf("exit status %d", status)
	} else if lost := c.lostSoon(); lost != nil {
		return c.lostError(lost)
	}
	silent := errors.Is(err, errSilent)
	err = fmt.Errorf("%w (%s)", err, how)
	if text != "" {
		err = fmt.Errorf("%w: %s", err, modules.LastLine([]byte(text)))
	}
	if strings.Contains(text, "Unterminated quoted string") || strings.Contains(text, "looking for matching") { // dash, bash
		return modules.WithHint(err, "A ForceCommand or another wrapper splits commands into words. "+
			"Let it run `sh -c \"$SSH_ORIGINAL_COMMAND\"`, or let sudo need no password.")
	}
	if silent {
		return modules.WithHint(err, "The login of %s runs something else than the command that it is given: a ForceCommand (sftp alone, a menu), `command=` in "+
			"authorized_keys, or a login shell for another purpose. `ssh HOST id` must print what id prints.", c.user)
	}
	return err
}

// lostSoon returns why the connection ended, if it ends within a moment: the end of a session is seen first.
func (c *Conn) lostSoon() error {
	select {
	case <-c.via.done():
	case <-time.After(300 * time.Millisecond):
	}
	return c.via.lost()
}

func (c *Conn) lostError(err error) error {
	if errors.Is(err, errClosed) {
		return err
	}
	return modules.WithHint(&LostError{Address: c.address, Err: err},
		"Programs that ran there continue or have ended. Run the same command again when the host can be reached.")
}
