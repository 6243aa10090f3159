// Command lab boots disposable hosts for people: `make lab-up` and `make lab-down` call it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/rcprov/rcprov/e2e/lab"
)

const usage = `usage: lab up [-hosts N] [-image IMAGE]   boot hosts that stay until "lab down"
       lab down                           remove them
       lab clean                          remove the hosts of tests that were killed
       lab build                          build all images that are not there yet
       lab check                          say if this machine can boot hosts, and how
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	config, err := lab.ConfigFromEnv()
	if err != nil {
		return err
	}
	backend, because, err := lab.DetectBecause()
	if err != nil {
		return err
	}
	if because != "" {
		because = " (" + because + ")"
	}
	switch command {
	case "up":
		fmt.Printf("Hosts are booted with %s%s.\n", backend.Name(), because)
		return up(ctx, config, backend, args)
	case "down":
		return backend.Down(ctx)
	case "clean":
		return backend.Clean(ctx)
	case "build":
		for _, image := range backend.Images() {
			if err := backend.Prepare(ctx, image); err != nil {
				return err
			}
		}
		return nil
	case "check":
		fmt.Printf("hosts are booted with %s%s\n", backend.Name(), because)
		return nil
	}
	fmt.Fprint(os.Stderr, usage)
	return fmt.Errorf("no command %q", command)
}

// giveKey gives the key of the hosts to the person who has called this by sudo: ssh must be able to read it, and nobody else.
func giveKey(dir string) error {
	uid, gid := os.Getenv("SUDO_UID"), os.Getenv("SUDO_GID")
	if uid == "" || gid == "" {
		return nil
	}
	owner, err := strconv.Atoi(uid)
	if err != nil {
		return fmt.Errorf("SUDO_UID: %w", err)
	}
	group, err := strconv.Atoi(gid)
	if err != nil {
		return fmt.Errorf("SUDO_GID: %w", err)
	}
	return os.Chown(filepath.Join(dir, "id_ed25519"), owner, group)
}

// up boots hosts to be kept and says how to use them.
func up(ctx context.Context, config lab.Config, backend lab.Backend, args []string) error {
	flags := flag.NewFlagSet("lab up", flag.ContinueOnError)
	count := flags.Int("hosts", 1, "how many")
	image := flags.String("image", backend.Images()[0], "of which image")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var sshConfig, plan string
	for i := range *count {
		name := fmt.Sprintf("lab%d", i+1)
		h, err := backend.Launch(ctx, lab.Spec{Name: name, Image: *image, Keep: true})
		if err != nil {
			return err
		}
		sshConfig += h.SSHConfig()
		plan += fmt.Sprintf("host %q {\n  groups = [\"lab\"]\n}\n\n", name)
		fmt.Printf("%s is up at %s, port %d\n", name, h.Address, h.Port)
	}
	if err := giveKey(config.Dir); err != nil {
		return err
	}
	plan += `play "hello" {
  hosts = group.lab
  file "motd" {
    path    = "/etc/motd"
    content = "Hello from rcprov.\n"
  }
}
`
	configFile := filepath.Join(config.Dir, "ssh_config")
	planFile := filepath.Join(config.Dir, "hello.hcl")
	if err := os.WriteFile(configFile, []byte(sshConfig), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(planFile, []byte(plan), 0o644); err != nil {
		return err
	}
	fmt.Printf(`
ssh -F %[1]s lab1
    logs in as %[3]s, who has sudo without a password. rcprov finds the hosts by name once ~/.ssh/config starts with
    Include %[1]s
rcprov apply %[2]s
    applies a first plan.
make lab-down
    removes the hosts.
`, configFile, planFile, lab.User)
	return nil
}
