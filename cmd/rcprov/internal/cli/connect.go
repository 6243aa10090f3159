package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/remote"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
)

// connecting holds the flags of all commands that connect to hosts.
type connecting struct {
	acceptNew bool
	sshConfig string
	timeout   time.Duration
}

func (c *connecting) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&c.acceptNew, "accept-new", false, "add the keys of unknown hosts to known_hosts (changed keys are still refused)")
	flags.StringVar(&c.sshConfig, "ssh-config", "", "read `FILE` instead of ~/.ssh/config and the system's")
	flags.DurationVar(&c.timeout, "connect-timeout", 0, "how long to wait for a silent host while connecting (default ConnectTimeout in ssh_config, or 10s)")
}

// dialer returns a dialer that these flags configure. suspend keeps the display still while the person is asked something.
func (a *app) dialer(c connecting, suspend func(func())) *remote.Dialer {
	d := &remote.Dialer{AcceptNew: c.acceptNew, ConfigPath: c.sshConfig, ConnectTimeout: c.timeout}
	d.Notice = func(host, text string) {
		suspend(func() { _, _ = fmt.Fprintf(a.Stderr, "! %s: %s\n", visible.Line(host), visible.Line(text)) })
	}
	if p := a.person(suspend); p != nil {
		d.Prompt = p
	}
	return d
}

// person returns who can be asked: nil unless somebody can read the question and type the answer.
func (a *app) person(suspend func(func())) *prompt {
	in, ok := a.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || a.terminal(a.Stderr).size == nil {
		return nil
	}
	return &prompt{app: a, in: in, out: a.Stderr, suspend: suspend}
}

// reader is person, for commands that show nothing meanwhile.
func (a *app) reader() *prompt { return a.person(func(ask func()) { ask() }) }

// connect returns the function by which the engine connects to a host of the plan.
func connect(d *remote.Dialer) func(context.Context, *plan.Host) (engine.Conn, error) {
	return func(ctx context.Context, h *plan.Host) (engine.Conn, error) {
		if h.FallbackUser != "" {
			return connectAsEither(ctx, d, h)
		}
		conn, err := d.Connect(ctx, target(h))
		if err != nil {
			return nil, err // not a Conn with nil in it
		}
		return conn, nil
	}
}

func target(h *plan.Host) remote.Target {
	return remote.Target{
		Name: h.Name, Address: h.Address, Port: h.Port, FallbackPort: h.FallbackPort, User: h.User,
		IdentityFile: h.IdentityFile, ProxyJump: h.ProxyJump, Password: h.Password,
		Become:     remote.Become{Method: h.Become.Method, Password: h.Become.Password},
		Connection: h.Connection,
	}
}

// prompt asks the person at the terminal. It implements [remote.Prompt].
type prompt struct {
	app     *app
	in      *os.File
	out     io.Writer
	suspend func(func())
}

// Ask asks for an answer that shows while it is typed.
func (p *prompt) Ask(ctx context.Context, question string) (answer string, err error) {
	p.suspend(func() {
		_, _ = fmt.Fprint(p.out, visible.Text(question)) // a question that can't be shown won't be answered
		answer, err = p.answer(ctx, func() (string, error) { return bufio.NewReader(p.in).ReadString('\n') })
		if errors.Is(err, io.EOF) {
			err = errors.New("no answer")
		}
	})
	return strings.TrimSpace(answer), err
}

// answer returns what read reads, unless Ctrl-C ends ctx first. Then nothing else is asked, so that read may go on reading; the
// terminal is as it was before.
func (p *prompt) answer(ctx context.Context, read func() (string, error)) (string, error) {
	p.app.reading.Store(false) // Ctrl-C ends the question first, which also gives the terminal back
	type answer struct {
		text string
		err  error
	}
	state, stateErr := term.GetState(int(p.in.Fd()))
	typed := make(chan answer, 1)
	go func() {
		text, err := read()
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		return a.text, a.err
	case <-ctx.Done():
		if stateErr == nil {
			_ = term.Restore(int(p.in.Fd()), state)
		}
		_, _ = fmt.Fprintln(p.out)
		return "", context.Cause(ctx)
	}
}

// AskSecret asks for an answer that doesn't show, and hides it from all output from then on.
func (p *prompt) AskSecret(ctx context.Context, question string) (answer string, err error) {
	answer, err = p.askPassphrase(ctx, question)
	p.app.secrets.Add(answer)
	return answer, err
}

// askPassphrase asks for an answer that doesn't show, and that goes nowhere but into a key. Nothing prints it; to hide it would only
// show where it is one of our own words.
func (p *prompt) askPassphrase(ctx context.Context, question string) (answer string, err error) {
	p.suspend(func() {
		_, _ = fmt.Fprint(p.out, visible.Text(question))
		answer, err = p.answer(ctx, func() (string, error) {
			typed, err := term.ReadPassword(int(p.in.Fd()))
			_, _ = fmt.Fprintln(p.out)
			return string(typed), err
		})
	})
	return answer, err
}
