package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// qemu boots virtual machines with QEMU alone: no root, no libvirt, no network of its own. A machine has a kernel, a boot
// loader and a clock like a rented one, so a reboot is a reboot. The directory of a host is
//
//	vms/NAME/owner          see type owner
//	vms/NAME/disk.qcow2     what was written on it, over the image's disk
//	vms/NAME/state          link to the memory that it goes on from
//	vms/NAME/qmp            socket for commands to QEMU
//	vms/NAME/console.log    what it printed on its serial console
//	vms/NAME/qemu.log       what QEMU said
//	vms/NAME/known_hosts
//
// and disks/ has the images (see [qemu.image]).
type qemu struct {
	config Config
	run    func(ctx context.Context, stdin, name string, args ...string) (string, error)
}

func newQEMU(c Config) Backend { return &qemu{config: c, run: output} }

func (*qemu) Name() string { return "qemu" }

func (*qemu) Usable() error {
	var missing []string
	for _, tool := range []string{qemuSystem(), "qemu-img"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if missing != nil {
		return fmt.Errorf("%s not found; `RCPROV_LAB=qemu make lab-deps` installs it (Debian, Ubuntu), or `brew install qemu`", strings.Join(missing, ", "))
	}
	return canBuildDisks()
}

// qemuSystem is the program that emulates a machine like this one.
func qemuSystem() string {
	if runtime.GOARCH == "arm64" {
		return "qemu-system-aarch64"
	}
	return "qemu-system-x86_64"
}

func (q *qemu) Prepare(ctx context.Context, image string) error {
	_, err := q.image(ctx, image)
	return err
}

func (q *qemu) Launch(ctx context.Context, spec Spec) (*Host, error) {
	if err := checkSpec(q, spec); err != nil {
		return nil, err
	}
	if err := q.Clean(ctx); err != nil {
		return nil, err
	}
	image, err := q.image(ctx, spec.Image)
	if err != nil {
		return nil, err
	}
	id, err := newIdentity(q.config.Dir, spec)
	if err != nil {
		return nil, fmt.Errorf("launch host %s: %w", spec.Name, err)
	}
	vm := &qemuVM{lab: q, dir: id.dir, identity: id, accel: image.accel}
	h, err := vm.launch(ctx, spec, image)
	if err != nil {
		said := vm.said()
		return nil, errors.Join(fmt.Errorf("launch host %s: %w%s", spec.Name, err, said), vm.destroy(context.WithoutCancel(ctx)))
	}
	return h, nil
}

func (q *qemu) Clean(ctx context.Context) error { return q.remove(ctx, abandoned) }

func (q *qemu) Down(ctx context.Context) error { return q.remove(ctx, abandoned, kept) }

// remove removes the machines with one of these ownerships.
func (q *qemu) remove(ctx context.Context, which ...ownership) error {
	return removeIdentities(q.config.Dir, func(id *identity) error {
		return (&qemuVM{lab: q, dir: id.dir, identity: id}).destroy(ctx)
	}, which...)
}

// A qemuVM is the machine of one host, or the one that an image is made with, which has no identity.
type qemuVM struct {
	lab      *qemu
	dir      string // holds disk.qcow2; QEMU's working directory
	identity *identity
	accel    string
	port     int
}

// launch continues the image's machine as it was saved, and gives it an identity of its own.
func (m *qemuVM) launch(ctx context.Context, spec Spec, image *qemuImage) (*Host, error) {
	if err := m.overlay(ctx, filepath.Join(image.dir, "booted.qcow2")); err != nil {
		return nil, err
	}
	if err := os.Symlink(filepath.Join(image.dir, "state"), filepath.Join(m.dir, "state")); err != nil {
		return nil, err
	}
	if err := m.powerOn(ctx, "-incoming", "exec:cat state"); err != nil {
		return nil, err
	}
	h, err := m.identity.host(spec, "127.0.0.1", m.port, m)
	if err != nil {
		return nil, err
	}
	h.patience = image.patience()
	// Clones of one saved state are the same machine until they are told who they are.
	clone := *image.host(m.port)
	if err := clone.wait(ctx); err != nil {
		return nil, err
	}
	_, _ = clone.Exec(ctx, m.identity.individualScript(cmp.Or(spec.Hostname, spec.Name), time.Now())) // sshd restarts
	clone.disconnect()
	return h, h.wait(ctx)
}

// overlay makes disk.qcow2, which takes what the machine writes and reads all else from another disk.
func (m *qemuVM) overlay(ctx context.Context, backing string) error {
	_, err := m.lab.run(ctx, "", "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, filepath.Join(m.dir, "disk.qcow2"))
	return err
}

// powerOn starts QEMU, with more arguments. It returns when QEMU takes commands, not when the machine has booted. The first time it
// chooses the machine's port.
func (m *qemuVM) powerOn(ctx context.Context, more ...string) error {
	if m.port != 0 {
		return m.startQEMU(ctx, append(m.arguments(), more...))
	}
	var err error
	for range 3 {
		if m.port, err = freePort(); err != nil {
			return err
		}
		err = m.startQEMU(ctx, append(m.arguments(), more...))
		if err == nil || !strings.Contains(err.Error(), "host forwarding rule") { // somebody else has taken the port in between
			return err
		}
	}
	return err
}

// arguments are those of QEMU. All paths are relative to the machine's directory: that of a socket is limited to about
// 100 bytes, and a saved state is bound to the devices, not to their files.
func (m *qemuVM) arguments() []string {
	machine, cpu := "q35", "max"
	if runtime.GOARCH == "arm64" {
		machine = "virt"
	}
	if m.accel != "tcg" {
		cpu = "host"
	}
	return []string{
		"-accel", m.accel, "-machine", machine, "-cpu", cpu, "-m", "1024", "-smp", "1",
		"-nodefaults", "-no-user-config", "-display", "none",
		"-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console",
		"-qmp", "unix:qmp,server=on,wait=off",
		// unsafe: what the machine flushes is in this machine's page cache, and survives QEMU's end.
		"-drive", "if=none,id=disk,file=disk.qcow2,cache=unsafe,discard=unmap", "-device", "virtio-blk-pci,drive=disk",
		"-netdev", fmt.Sprintf("user,id=net,hostfwd=tcp:127.0.0.1:%d-:22", m.port), "-device", "virtio-net-pci,netdev=net",
		"-device", "virtio-rng-pci", "-device", "vmgenid,guid=auto",
	}
}

// startQEMU starts QEMU as a process that lives on its own: Ctrl-C at the tests is not for it.
func (m *qemuVM) startQEMU(ctx context.Context, args []string) error {
	if c, err := m.dialQMP(); err == nil {
		c.close()
		return errors.New("it is on already")
	} else if !errors.Is(err, errPoweredOff) {
		return err
	}
	log, err := os.OpenFile(filepath.Join(m.dir, "qemu.log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd := exec.Command(qemuSystem(), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = m.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		c, err := m.dialQMP()
		if err == nil {
			c.close()
			return nil
		}
		select {
		case err := <-ended:
			said, _ := os.ReadFile(log.Name()) // it may have said nothing
			return fmt.Errorf("%s: %w: %s", qemuSystem(), err, strings.TrimSpace(string(said)))
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err, cmd.Process.Kill())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// start boots the machine, from its boot loader on.
func (m *qemuVM) start(ctx context.Context) error { return m.powerOn(ctx) }

func (*qemuVM) rebooting(context.Context) error { return nil }

// kill ends QEMU, without a word to the machine in it, and returns when it has gone.
func (m *qemuVM) kill(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("QEMU does not end"))
	defer cancel()
	for {
		c, err := m.dialQMP()
		if errors.Is(err, errPoweredOff) {
			return nil
		}
		if err == nil {
			err = c.command("quit", nil, nil) // it may end before it answers
			c.close()
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (m *qemuVM) destroy(ctx context.Context) error {
	if err := m.kill(ctx); err != nil {
		return err
	}
	return m.identity.remove()
}

// said is what QEMU and the console printed last, which explains most failures.
func (m *qemuVM) said() string {
	var text strings.Builder
	for _, name := range []string{"qemu.log", "console.log"} {
		said, _ := os.ReadFile(filepath.Join(m.dir, name)) // it may not have got that far
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		if last := strings.Join(lines[max(0, len(lines)-20):], "\n"); last != "" {
			fmt.Fprintf(&text, "\nThe end of its %s:\n%s", name, last)
		}
	}
	return text.String()
}

// freePort returns a port of the loopback address that nobody listens on just now.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, errors.Join(err, l.Close())
	}
	port, err := strconv.Atoi(text)
	return port, errors.Join(err, l.Close())
}

// individualScript returns the script that makes a clone of a saved machine one of its own: name, machine ID, clock, users and
// keys. The kernel's random numbers are new since QEMU's generation ID changed.
func (id *identity) individualScript(hostname string, now time.Time) string {
	return fmt.Sprintf(`set -eu
date -s @%d >/dev/null
echo %[2]s >/etc/hostname
hostname %[2]s
printf '127.0.0.1\tlocalhost\n127.0.1.1\t%%s\n::1\tlocalhost ip6-localhost ip6-loopback\n' %[2]s >/etc/hosts
rm -f /etc/machine-id /var/lib/dbus/machine-id
systemd-machine-id-setup >/dev/null 2>&1
systemctl restart systemd-journald
%[3]s`, now.Unix(), hostname, id.provisionScript()+restartSSH)
}
