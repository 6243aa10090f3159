package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// multipass boots virtual machines with Canonical's Multipass. Commands and replies as documented for 1.15
// (https://documentation.ubuntu.com/multipass/); the lab's machines have the prefix rcprov-.
type multipass struct {
	config Config
	run    func(ctx context.Context, stdin, name string, args ...string) (string, error)
}

func newMultipass(c Config) Backend { return &multipass{config: c, run: output} }

func (*multipass) Name() string     { return "multipass" }
func (*multipass) Images() []string { return []string{"ubuntu-24.04", "ubuntu-22.04"} }

func (*multipass) Usable() error {
	if _, err := exec.LookPath("multipass"); err != nil {
		return errors.New("multipass not found; see https://canonical.com/multipass/install")
	}
	return nil
}

func (*multipass) Prepare(context.Context, string) error { return nil }

func (m *multipass) Launch(ctx context.Context, spec Spec) (*Host, error) {
	if err := checkSpec(m, spec); err != nil {
		return nil, err
	}
	if err := m.Clean(ctx); err != nil {
		return nil, err
	}
	id, err := newIdentity(m.config.Dir, spec)
	if err != nil {
		return nil, fmt.Errorf("launch host %s: %w", spec.Name, err)
	}
	vm := &multipassVM{lab: m, name: "rcprov-" + spec.Name, identity: id}
	_, err = m.run(ctx, id.cloudConfig(cmp.Or(spec.Hostname, spec.Name)), "multipass", m.launchArgs(vm.name, spec.Image)...)
	if err == nil {
		var h *Host
		if h, err = vm.host(ctx, spec); err == nil {
			if err = h.wait(ctx); err == nil {
				return h, nil
			}
		}
	}
	return nil, errors.Join(fmt.Errorf("launch host %s: %w", spec.Name, err), vm.destroy(context.WithoutCancel(ctx)))
}

// launchArgs are the arguments that launch a machine; "-" is its cloud-config on standard input.
func (*multipass) launchArgs(name, image string) []string {
	return []string{
		"launch", strings.TrimPrefix(image, "ubuntu-"), "--name", name, "--cpus", "1", "--memory", "1G", "--disk", "8G",
		"--timeout", "600", "--cloud-init", "-",
	}
}

func (m *multipass) Clean(ctx context.Context) error { return m.remove(ctx, abandoned) }

func (m *multipass) Down(ctx context.Context) error { return m.remove(ctx, abandoned, kept) }

// remove removes the machines with one of these ownerships.
func (m *multipass) remove(ctx context.Context, which ...ownership) error {
	return removeIdentities(m.config.Dir, func(id *identity) error {
		return (&multipassVM{lab: m, name: "rcprov-" + id.name, identity: id}).destroy(ctx)
	}, which...)
}

// multipassVM is the machine of one host.
type multipassVM struct {
	lab      *multipass
	name     string
	identity *identity
}

func (v *multipassVM) kill(ctx context.Context) error {
	_, err := v.lab.run(ctx, "", "multipass", "stop", "--force", v.name)
	return err
}

func (v *multipassVM) start(ctx context.Context) error {
	_, err := v.lab.run(ctx, "", "multipass", "start", v.name)
	return err
}

func (*multipassVM) rebooting(context.Context) error { return nil }

func (v *multipassVM) destroy(ctx context.Context) error {
	if _, err := v.lab.run(ctx, "", "multipass", "info", v.name, "--format", "json"); err == nil {
		if _, err := v.lab.run(ctx, "", "multipass", "delete", "--purge", v.name); err != nil {
			return err
		}
	}
	return v.identity.remove()
}

// host returns the Host, once the machine has an address.
func (v *multipassVM) host(ctx context.Context, spec Spec) (*Host, error) {
	reply, err := v.lab.run(ctx, "", "multipass", "info", v.name, "--format", "json")
	if err != nil {
		return nil, err
	}
	address, err := parseMultipassInfo([]byte(reply), v.name)
	if err != nil {
		return nil, err
	}
	return v.identity.host(spec, address, 22, v)
}

// parseMultipassInfo returns the first IPv4 address in the reply of `multipass info NAME --format json`.
func parseMultipassInfo(reply []byte, name string) (address string, err error) {
	var info struct {
		Errors []string
		Info   map[string]struct {
			State string
			IPv4  []string
		}
	}
	if err := json.Unmarshal(reply, &info); err != nil {
		return "", fmt.Errorf("multipass info: %w", err)
	}
	vm, found := info.Info[name]
	switch {
	case !found:
		return "", fmt.Errorf("multipass info: no %s (%s)", name, strings.Join(info.Errors, "; "))
	case len(vm.IPv4) == 0:
		return "", fmt.Errorf("multipass info: %s is %s and has no address", name, vm.State)
	}
	return vm.IPv4[0], nil
}

// output runs a program of this machine and returns its standard output; the error has all that it said otherwise.
func output(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
