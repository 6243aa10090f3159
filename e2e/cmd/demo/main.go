// Command demo shows rcprov at work on a disposable host: plan, apply, a second apply, a drift made by hand and its
// repair. `make demo` runs it. It leaves nothing behind but the lab's image, which the next host starts from.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

//go:embed demo.hcl
var plan string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) (err error) {
	config, err := lab.ConfigFromEnv()
	if err != nil {
		return err
	}
	backend, err := lab.Detect(config)
	if err != nil {
		return err
	}
	say("A new host, booted with %s. Nothing is on it but a bare system with sshd.", backend.Name())
	h, err := backend.Launch(ctx, lab.Spec{Name: fmt.Sprintf("demo-%d", os.Getpid()), Image: backend.Images()[0], Hostname: "demo"})
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
	text := rcprov.HostBlock(h, "demo") + "\n" + plan
	path, err := laptop.WriteFile("demo.hcl", text)
	if err != nil {
		return err
	}
	say("The plan, demo.hcl (rcprov also gets --ssh-config with the new host's key, which is not in your known_hosts):")
	fmt.Print(text)

	steps := []struct {
		say  string
		args []string
		exit int
		sh   string // instead of rcprov: what somebody does on the host
	}{
		{say: "What would be done? (plan exits with 2: there is something to do)", args: []string{"plan", path}, exit: 2},
		{say: "Do it.", args: []string{"apply", path}},
		{say: "Again: there is nothing to do.", args: []string{"apply", path}},
		{say: "Somebody works on the host by hand:", sh: "sed -i s/Hello/Goodbye/ /srv/site/index.html\nchmod 777 /srv/site\nsystemctl stop nginx"},
		{say: "What is different now?", args: []string{"plan", path}, exit: 2},
		{say: "Repair exactly that.", args: []string{"apply", path}},
		{say: "The host knows who did what:", args: []string{"history", path, "demo"}},
	}
	for _, s := range steps {
		say("%s", s.say)
		if s.sh != "" {
			fmt.Println("demo# " + strings.ReplaceAll(s.sh, "\n", "\ndemo# "))
			if _, err := h.Must(ctx, "set -e\n"+s.sh); err != nil {
				return err
			}
			continue
		}
		if err := run(ctx, laptop, s.args, s.exit); err != nil {
			return err
		}
	}
	say("The host is removed. `make lab-up` boots one that stays, to play with.")
	return nil
}

// run runs rcprov on this terminal, and wants an exit status.
func run(ctx context.Context, laptop *rcprov.Laptop, args []string, exit int) error {
	cmd := laptop.Command(ctx, args...)
	fmt.Println("$ rcprov " + strings.ReplaceAll(strings.Join(args, " "), laptop.Home+"/", ""))
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
