// Command demo shows rcprov at work on a disposable host: plan, apply, a second apply, a drift made by hand and its
// repair. `make demo` runs it. It leaves nothing behind but the lab's images and what the mirror has built.
//
// Where the lab has a mirror in place of the vendors' servers, the plan is plans/prod.hcl; elsewhere a small one.
package main

import (
	"context"
	"errors"
	"fmt"
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

func demo(ctx context.Context) error {
	backend, err := lab.Detect()
	if err != nil {
		return err
	}
	show, image := first, backend.Images()[0]
	if slices.Contains(backend.Images(), prodImage) {
		show, image = prod, prodImage
	}
	return onStage(ctx, backend, image, show)
}

// A stage is a host, and a laptop that knows it.
type stage struct {
	host   *lab.Host
	laptop *rcprov.Laptop
}

// onStage boots a host for a show, and removes it afterwards.
func onStage(ctx context.Context, backend lab.Backend, image string, show func(context.Context, stage) error) (err error) {
	say("A new host, booted with %s. Nothing is on it but a bare system with sshd.", backend.Name())
	h, err := backend.Launch(ctx, lab.Spec{Name: fmt.Sprintf("demo-%d", os.Getpid()), Image: image, Hostname: "demo"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(context.WithoutCancel(ctx))) }()
	fmt.Printf("%s at %s\n", h.Image, h.Address)
	home, err := os.MkdirTemp("", "rcprov-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	laptop, err := rcprov.NewLaptop(home, h)
	if err != nil {
		return err
	}
	if err := show(ctx, stage{h, laptop}); err != nil {
		return err
	}
	say("The host is removed. `make lab-up` boots one that stays, to play with.")
	return nil
}

// An act is one thing that is shown.
type act struct {
	say  string
	args []string // of rcprov
	exit int      // the exit status that is wanted
	sh   string   // instead of args: what somebody does on the host
}

func (s stage) play(ctx context.Context, acts []act) error {
	for _, a := range acts {
		say("%s", a.say)
		if a.sh != "" {
			fmt.Println("demo# " + strings.ReplaceAll(a.sh, "\n", "\ndemo# "))
			out, err := s.host.Must(ctx, "set -e\n"+a.sh)
			if err != nil {
				return err
			}
			fmt.Print(out)
			continue
		}
		if err := s.run(ctx, a.args, a.exit); err != nil {
			return err
		}
	}
	return nil
}

// run runs rcprov on this terminal, and wants an exit status.
func (s stage) run(ctx context.Context, args []string, exit int) error {
	cmd := s.laptop.Command(ctx, args...)
	fmt.Println("$ rcprov " + strings.ReplaceAll(strings.Join(args, " "), s.laptop.Home+"/", ""))
	cmd.Env = append(cmd.Env, "TERM="+os.Getenv("TERM"), "COLORTERM="+os.Getenv("COLORTERM"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Ctrl-C reaches rcprov by itself, and it knows how to stop.
	cmd.Cancel = func() error { return nil }
	err := cmd.Run()
	if status := new(exec.ExitError); errors.As(err, &status) && status.ExitCode() == exit {
		return ctx.Err()
	}
	if err == nil && exit != 0 {
		return fmt.Errorf("rcprov %s: exit status 0, not %d", args[0], exit)
	}
	return errors.Join(err, ctx.Err())
}

// say prints what comes next.
func say(format string, args ...any) { fmt.Printf("\n=== "+format+"\n\n", args...) }
