package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// vagrant boots virtual machines with Vagrant, each with a Vagrantfile in its own directory: hosts come and go one
// by one, and Vagrant locks a whole environment. Commands and replies as documented for Vagrant 2.4
// (https://developer.hashicorp.com/vagrant/docs/cli); provider as VAGRANT_DEFAULT_PROVIDER says.
type vagrant struct {
	config Config
	run    func(ctx context.Context, stdin, name string, args ...string) (string, error)
}

func newVagrant(c Config) Backend { return &vagrant{config: c, run: output} }

func (*vagrant) Name() string     { return "vagrant" }
func (*vagrant) Images() []string { return []string{"ubuntu-24.04", "ubuntu-22.04", "debian-12"} }

func (*vagrant) Usable() error {
	if _, err := exec.LookPath("vagrant"); err != nil {
		return errors.New("vagrant not found; see https://developer.hashicorp.com/vagrant/install")
	}
	return nil
}

func (*vagrant) Prepare(context.Context, string) error { return nil }

func (v *vagrant) Launch(ctx context.Context, spec Spec) (*Host, error) {
	if err := checkSpec(v, spec); err != nil {
		return nil, err
	}
	if err := v.Clean(ctx); err != nil {
		return nil, err
	}
	id, err := newIdentity(v.config.Dir, spec)
	if err != nil {
		return nil, fmt.Errorf("launch host %s: %w", spec.Name, err)
	}
	box := &vagrantBox{lab: v, identity: id}
	h, err := box.launch(ctx, spec)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("launch host %s: %w", spec.Name, err), box.destroy(context.WithoutCancel(ctx)))
	}
	return h, nil
}

func (v *vagrant) Clean(ctx context.Context) error { return v.remove(ctx, abandoned) }

func (v *vagrant) Down(ctx context.Context) error { return v.remove(ctx, abandoned, kept) }

// remove removes the machines with one of these ownerships.
func (v *vagrant) remove(ctx context.Context, which ...ownership) error {
	return removeIdentities(v.config.Dir, func(id *identity) error {
		return (&vagrantBox{lab: v, identity: id}).destroy(ctx)
	}, which...)
}

// vagrantBox is the machine of one host.
type vagrantBox struct {
	lab      *vagrant
	identity *identity
}

func (b *vagrantBox) launch(ctx context.Context, spec Spec) (*Host, error) {
	files := map[string]string{
		"Vagrantfile":  vagrantfile(spec),
		"provision.sh": b.identity.provisionScript() + restartSSH,
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(b.identity.dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	reply, err := b.vagrant(ctx, "ssh-config")
	if err != nil {
		return nil, err
	}
	address, port, err := parseVagrantSSHConfig([]byte(reply), spec.Name)
	if err != nil {
		return nil, err
	}
	h, err := b.identity.host(spec, address, port, b)
	if err != nil {
		return nil, err
	}
	return h, h.wait(ctx)
}

// vagrant runs a subcommand on the Vagrantfile of this host.
func (b *vagrantBox) vagrant(ctx context.Context, args ...string) (string, error) {
	return b.lab.run(ctx, "", "env", append([]string{"VAGRANT_CWD=" + b.identity.dir, "vagrant", "--no-color"}, args...)...)
}

func (b *vagrantBox) start(ctx context.Context) error { _, err := b.vagrant(ctx, "up"); return err }

func (b *vagrantBox) kill(ctx context.Context) error {
	_, err := b.vagrant(ctx, "halt", "--force")
	return err
}

func (*vagrantBox) rebooting(context.Context) error { return nil }

func (b *vagrantBox) destroy(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(b.identity.dir, "Vagrantfile")); err == nil {
		if _, err := b.vagrant(ctx, "destroy", "--force"); err != nil {
			return err
		}
	}
	return b.identity.remove()
}

// vagrantfile returns the Vagrantfile of a host. The boxes are those that HashiCorp recommends, for VirtualBox,
// libvirt, VMware, Parallels and Hyper-V.
func vagrantfile(spec Spec) string {
	return fmt.Sprintf(`Vagrant.configure("2") do |config|
  config.vm.define %[1]q do |host|
    host.vm.box = %[2]q
    host.vm.hostname = %[3]q
    host.vm.synced_folder ".", "/vagrant", disabled: true
    host.vm.provision "shell", path: "provision.sh"
  end
end
`, spec.Name, "bento/"+spec.Image, cmp.Or(spec.Hostname, spec.Name))
}

// restartSSH makes sshd use the keys that provisionScript wrote.
const restartSSH = "systemctl restart ssh\n"

// provisionScript returns the script that gives a machine the lab's users and keys, run as root, once.
func (id *identity) provisionScript() string {
	return `set -eu
id ` + User + ` >/dev/null 2>&1 || useradd --create-home --shell /bin/bash ` + User + `
echo '` + User + ` ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/lab
chmod 0440 /etc/sudoers.d/lab
install -d -m 0700 /root/.ssh
install -d -m 0700 -o ` + User + ` -g ` + User + ` /home/` + User + `/.ssh
echo '` + id.client + `' >/root/.ssh/authorized_keys
install -m 0600 -o ` + User + ` -g ` + User + ` /root/.ssh/authorized_keys /home/` + User + `/.ssh/authorized_keys
rm -f /etc/ssh/ssh_host_*
umask 077
cat >/etc/ssh/ssh_host_ed25519_key <<'EOF'
` + string(id.hostKey.private) + `EOF
echo '` + id.hostKey.public + `' >/etc/ssh/ssh_host_ed25519_key.pub
chmod 0644 /etc/ssh/ssh_host_ed25519_key.pub
`
}

// parseVagrantSSHConfig returns where to connect to, from the reply of `vagrant ssh-config`.
func parseVagrantSSHConfig(reply []byte, name string) (address string, port int, err error) {
	config, err := ssh_config.Decode(bytes.NewReader(reply))
	if err != nil {
		return "", 0, fmt.Errorf("vagrant ssh-config: %w", err)
	}
	address, err = config.Get(name, "HostName")
	if err != nil || address == "" {
		return "", 0, errors.Join(fmt.Errorf("vagrant ssh-config: no HostName for %s in %q", name, reply), err)
	}
	text, err := config.Get(name, "Port")
	if err != nil {
		return "", 0, fmt.Errorf("vagrant ssh-config: %w", err)
	}
	if port, err = strconv.Atoi(strings.TrimSpace(text)); err != nil {
		return "", 0, fmt.Errorf("vagrant ssh-config: port of %s: %w", name, err)
	}
	return address, port, nil
}
