package remote

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// maxAnswer is how many bytes one question's answer may have on either stream.
const maxAnswer = 128 << 20

// A rootShell is a shell of root that reads scripts from its standard input until the connection ends.
type rootShell struct {
	*process
	began chan struct{} // closed when it answers for the first time
}

func newRootShell(p *process) *rootShell { return &rootShell{p, make(chan struct{})} }

// Ask runs script, POSIX shell, in the connection's only root shell and returns its output. All scripts run in that shell,
// one after another, so the next one finds what a script leaves there (a variable, a lock on a file descriptor). Ask ignores
// the exit status; the script's standard input is empty.
//
// A script runs as a whole or not at all. If ctx ends first or the shell dies, Ask returns an error and the next call starts
// a new shell. A program that hangs on the host is left behind, without its session; what the old shell held, such as a
// lock, is held until that program ends.
func (c *Conn) Ask(ctx context.Context, script string) (stdout, stderr []byte, err error) {
	release, err := acquire(ctx, c.asking)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	err = c.asRoot(ctx, func() error {
		stdout, stderr, err = c.ask(ctx, script)
		return err
	})
	return stdout, stderr, err
}

func (c *Conn) ask(ctx context.Context, script string) (stdout, stderr []byte, err error) {
	if c.shell == nil {
		p, err := c.startShell(ctx)
		if err != nil {
			return nil, nil, err
		}
		c.shell = newRootShell(p)
	}
	ctx, stop := c.whileShellStarts(ctx, c.shell.began)
	defer stop()
	stdout, stderr, err = c.shell.ask(ctx, script)
	if err == nil {
		return stdout, stderr, nil
	}
	c.shell.kill()
	ended := c.shell.process
	c.shell = nil
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("the host did not answer: %w", context.Cause(ctx))
	}
	return nil, nil, c.explainEnd(ended, stderr, err)
}

// plainShell makes the root shell the same whoever logged in. Otherwise variables from a .bashrc, pam_env or a sudo without
// env_reset would decide who may read a command's files, what tools print, and which tools are found. Directories that are
// ahead in PATH stay ahead, and proxies stay.
//
// Sources: the chapters "Environment" of the manuals of coreutils, grep, tar, gzip, xz, systemctl(1), apt.conf(5), dpkg(1),
// dash(1) and bash(1).
const plainShell = `umask 022
unset POSIXLY_CORRECT QUOTING_STYLE TIME_STYLE BLOCK_SIZE BLOCKSIZE DF_BLOCK_SIZE DU_BLOCK_SIZE LS_BLOCK_SIZE TMPDIR
unset GREP_OPTIONS TAR_OPTIONS GZIP XZ_OPT XZ_DEFAULTS CDPATH ENV BASH_ENV
unset SYSTEMD_COLORS SYSTEMD_URLIFY SYSTEMD_PAGER SYSTEMD_LOG_LEVEL SYSTEMD_LOG_TARGET
unset APT_CONFIG DPKG_ADMINDIR DPKG_COLORS DPKG_FORCE DPKG_ROOT
export PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
`

// startShell starts a root shell that reads scripts from its standard input.
func (c *Conn) startShell(ctx context.Context) (*process, error) {
	p, err := c.startRoot(ctx, "sh -s")
	if err != nil {
		return nil, err
	}
	_, _ = io.WriteString(p.stdin, c.proof()+plainShell) // an error shows as an end of the outputs, too
	return p, nil
}

// proof is the first that a root shell reads. A start-up file that runs `exec zsh` puts another program in its place, which would
// run everything else as the user who logged in.
func (c *Conn) proof() string {
	text := "case $0 in sh | */sh) : ;; *) { echo; echo " + notTheShell + " \"$0\"; exit 97; } >&2 ;; esac\n"
	if c.target.Become.Method != "none" {
		// The root of /proc is root's: -O, which dash and bash have, starts no program.
		text += `[ -O /proc ] 2>/dev/null || [ "$(id -u)" = 0 ] || { echo; echo ` + notRoot + ` "$(id -un)"; exit 97; } >&2` + "\n"
	}
	return text
}

// What is printed in place of an answer, before the name of the program, or of the user, that is not as it must be.
const (
	notTheShell = "rcprov-not-the-shell"
	notRoot     = "rcprov-not-root"
)

// A StartupError is the error of a login that runs another program than the command that it is given.
type StartupError struct {
	User    string
	Program string // "zsh"; empty: unknown
}

func (e *StartupError) Error() string {
	program := "another program"
	if e.Program != "" {
		program = e.Program
	}
	return fmt.Sprintf("the login of %s runs %s in place of the command that rcprov sends", e.User, program)
}

func (c *Conn) startupError(program string) error {
	return modules.WithHint(&StartupError{User: c.user, Program: program},
		"A start-up file of %s does that (`exec` in ~/.bashrc, ~/.profile or ~/.zshenv, or in one of /etc), or a ForceCommand. Let it do so at a "+
			"terminal only, as in `[ -t 0 ] && exec fish`, or make that shell the login shell with `chsh`. `ssh HOST id` must print what id prints.", c.user)
}

// runsCommands reports whether the host runs the commands that it is given, or it is unknown. It is asked when the first shell is
// silent: a shell that reads its input to the end before it runs any of it, as fish does, would wait for ever.
func (c *Conn) runsCommands(ctx context.Context) bool {
	mark := newMark()
	p, err := c.via.start(ctx, "echo "+mark)
	if err != nil {
		return true
	}
	defer p.kill()
	_ = p.stdin.Close()
	found := make(chan bool, 1)
	go func() {
		_, err := skipTo(p.stdout, mark)
		<-p.ended
		found <- err == nil || p.err != nil
	}()
	select {
	case found := <-found:
		return found
	case <-ctx.Done():
		return true
	}
}

// errSilent is the error of a shell that ended before it answered.
var errSilent = errors.New("the root shell ended before it answered")

// ask sends one script and waits for its answer. With an error, stderr is what the shell printed instead.
func (s *rootShell) ask(ctx context.Context, script string) (stdout, stderr []byte, err error) {
	mark := newMark()
	// A shell parses the group to its end before it runs any of it.
	chunk := fmt.Sprintf("{ printf '\\n%[1]s\\n'; printf '\\n%[1]s\\n' >&2\n%[2]s\n} </dev/null\n"+
		"printf '\\n%[1]s-end\\n'; printf '\\n%[1]s-end\\n' >&2\n", mark, script)

	go func() { _, _ = io.WriteString(s.stdin, chunk) }() // an error shows as an end of the outputs, too

	var out, errs frame
	done := make(chan struct{}, 2)
	go func() { out.read(s.stdout, mark, s.answered); done <- struct{}{} }()
	go func() { errs.read(s.stderr, mark, func() {}); done <- struct{}{} }()
	for range 2 {
		select {
		case <-done:
		case <-ctx.Done():
			s.kill() // so that the readers end
			return nil, nil, context.Cause(ctx)
		}
	}
	if out.err != nil || errs.err != nil {
		// A login shell that refuses says so on standard output.
		output := slices.Concat(out.before, errs.before, errs.content)
		return nil, bytes.TrimSpace(output), cmp.Or(out.err, errs.err)
	}
	return out.content, errs.content, nil
}

// answered notes that the shell answers; one script after another runs in it.
func (s *rootShell) answered() {
	select {
	case <-s.began:
	default:
		close(s.began)
	}
}

// A frame is the output of one script on one stream, between its marks.
type frame struct {
	before  []byte // output before the first mark
	content []byte
	err     error
}

func (f *frame) read(r *bufio.Reader, mark string, began func()) {
	if f.before, f.err = skipTo(r, mark); f.err != nil {
		f.err = errSilent
		return
	}
	began()
	end := mark + "-end"
	found := false
	err := eachLine(r, func(line []byte) bool {
		if found = isLine(line, end); found {
			return false
		}
		f.content = append(f.content, line...)
		return len(f.content) <= maxAnswer
	})
	switch {
	case found:
		f.content = bytes.TrimSuffix(f.content, []byte("\n")) // the one before the mark
	case err == nil:
		f.err = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	default:
		f.err = errSilent
	}
}

// newMark returns a word that no output contains by chance.
func newMark() string { return "rcprov-" + strings.ToLower(rand.Text()) }
