// Command demo shows rcprov at work on a disposable host: plan, apply, a second apply, a drift made by hand and its
// repair. `make demo` runs it. It leaves nothing behind but the lab's images and what the mirror has built.
//
// A person reads its story in a minute: of each command the first lines and the last word. All of it is in bin/demo.log.
//
// Where the lab has a mirror in place of the vendors' servers, the plan is plans/prod.hcl; elsewhere a small one.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// logFile has everything that the demo and its commands print.
const logFile = "bin/demo.log"

func demo(ctx context.Context) (err error) {
	backend, because, err := lab.DetectBecause()
	if err != nil {
		return err
	}
	whole, err = os.Create(logFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, whole.Close()) }()
	story, image := first, backend.Images()[0]
	if slices.Contains(backend.Images(), prodImage) {
		story, image = prod, prodImage
	}
	if because != "" {
		show("%s\n", because)
	}
	return onStage(ctx, backend, image, story)
}

// A stage is a host, and a laptop that knows it.
type stage struct {
	host   *lab.Host
	laptop *rcprov.Laptop
}

// onStage boots a host for a story, and removes it afterwards.
func onStage(ctx context.Context, backend lab.Backend, image string, story func(context.Context, stage) error) (err error) {
	say("A new host, booted with %s. Nothing is on it but a bare system with sshd.", backend.Name())
	h, err := backend.Launch(ctx, lab.Spec{Name: fmt.Sprintf("demo-%d", os.Getpid()), Image: image, Hostname: "demo"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(context.WithoutCancel(ctx))) }()
	show("%s at %s\n", h.Image, h.Address)
	home, err := os.MkdirTemp("", "rcprov-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	laptop, err := rcprov.NewLaptop(home, h)
	if err != nil {
		return err
	}
	if err := story(ctx, stage{h, laptop}); err != nil {
		return err
	}
	say("The host is removed. `make lab-up` boots one that stays, to play with. Everything that was printed is in %s.", logFile)
	return nil
}

// An act is one thing that is shown.
type act struct {
	say   string
	args  []string // of rcprov
	exit  int      // the exit status that is wanted
	lines int      // how many of the first lines are shown, of rcprov and of sh
	brief bool     // only lines of steps, without what they change
	sh    string   // instead of args: what somebody does on the host
}

func (s stage) play(ctx context.Context, acts []act) error {
	for _, a := range acts {
		say("%s", a.say)
		if a.sh != "" {
			show("%s\n", "demo# "+strings.ReplaceAll(a.sh, "\n", "\ndemo# "))
			out, err := s.host.Must(ctx, "set -e\n"+a.sh)
			if err != nil {
				return err
			}
			a.excerpt(strings.NewReader(out))
			continue
		}
		if err := s.run(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// run runs rcprov, shows the first lines of what it prints and its last word, and wants an exit status.
func (s stage) run(ctx context.Context, a act) error {
	cmd := s.laptop.Command(ctx, a.args...)
	show("%s\n", "$ rcprov "+strings.ReplaceAll(strings.Join(a.args, " "), s.laptop.Home+"/", ""))
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	// Ctrl-C reaches rcprov by itself, and it knows how to stop.
	cmd.Cancel = func() error { return nil }
	hidden := make(chan []string, 1)
	go func() { hidden <- a.excerpt(out) }()
	err := cmd.Run()
	_ = in.Close() // never fails
	rest := <-hidden
	if status := new(exec.ExitError); errors.As(err, &status) && status.ExitCode() == a.exit || err == nil && a.exit == 0 {
		return ctx.Err()
	}
	for _, line := range rest[max(0, len(rest)-30):] { // why it failed
		fmt.Println(line)
	}
	if err == nil {
		return fmt.Errorf("rcprov %s: exit status 0, not %d; %s has what it printed", a.args[0], a.exit, logFile)
	}
	if err != nil {
		err = fmt.Errorf("rcprov %s: %w; %s has what it printed", a.args[0], err, logFile)
	}
	return errors.Join(err, ctx.Err())
}

// excerpt shows the first lines of what r has, and the one that sums up. It returns those that it didn't show.
func (a act) excerpt(r io.Reader) (hidden []string) {
	shown, ended := 0, false
	input := bufio.NewScanner(r)
	input.Buffer(nil, 1<<20)
	more := func(n int) {
		if n > 0 {
			fmt.Printf("    ... %d more lines\n", n)
		}
	}
	for input.Scan() {
		line := input.Text()
		_, _ = fmt.Fprintln(whole, line)
		sum := strings.HasPrefix(line, "Plan: ") || strings.HasPrefix(line, "Applied: ")
		switch {
		case line == "":
		case sum:
			more(len(hidden))
			fmt.Println(line)
			ended = true // what follows, such as the outputs, is in the file
		case !ended && shown < a.lines && !(a.brief && strings.HasPrefix(line, " ")):
			fmt.Println(line)
			shown++
		default:
			hidden = append(hidden, line)
		}
	}
	if !ended {
		more(len(hidden))
	}
	_, _ = io.Copy(whole, r) // a line that was too long
	return hidden
}

// whole is the file that gets everything.
var whole *os.File

// show prints, here and to the file.
func show(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Print(text)
	_, _ = io.WriteString(whole, text)
}

// say prints what comes next.
func say(format string, args ...any) { show("\n=== "+format+"\n", args...) }
