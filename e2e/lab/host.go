package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// User is the user of every host that is not root: member of no special group, sudo without a password.
const User = "admin"

// A Host is a booted host. Its methods may be called concurrently, but for those that change its power.
type Host struct {
	Name       string
	Image      string
	Address    string // IP address
	Port       int
	KeyFile    string // private key that both root and User accept
	KnownHosts string // known_hosts file with the host's real key

	// Layers are the host's file system, when it is an overlay mount; nil with virtual machines.
	Layers *Layers

	machine  machine
	hostKey  ssh.PublicKey
	patience time.Duration // until it must have booted
	answers  time.Duration // within which it answers a new connection, if at all; 0: two seconds

	mu     sync.Mutex
	client *ssh.Client // root's connection for Exec; nil when there is none
}

// Layers are the two halves of a host's overlay file system, as directories of this machine. Do not write there.
type Layers struct {
	Base  string // the image, shared between hosts
	Upper string // all that was written on this host
}

// A machine is the power switch of a host.
type machine interface {
	kill(ctx context.Context) error    // power off, without any notice to the host
	start(ctx context.Context) error   // power on
	destroy(ctx context.Context) error // remove for good, whatever its state

	// rebooting is called when the host was told to reboot; it does what the host can't do for itself.
	rebooting(ctx context.Context) error
}

// Output is what a script on a host printed and how it ended.
type Output struct {
	Stdout, Stderr string
	Status         int
}

// Exec runs a script with the host's /bin/sh, as root, over an SSH connection of the lab's own. The error is nil
// whenever the script ran to its end, whatever its status.
func (h *Host) Exec(ctx context.Context, script string) (Output, error) {
	var out Output
	client, err := h.connect(ctx)
	if err != nil {
		return out, fmt.Errorf("host %s: %w", h.Name, err)
	}
	session, err := client.NewSession()
	if err != nil {
		h.disconnect()
		return out, fmt.Errorf("host %s: %w", h.Name, err)
	}
	defer func() { _ = session.Close() }() // io.EOF when the script has ended
	var stdout, stderr bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(script), &stdout, &stderr
	stop := context.AfterFunc(ctx, h.disconnect)
	defer stop()
	err = session.Run("/bin/sh")
	out.Stdout, out.Stderr = stdout.String(), stderr.String()
	if exit := new(ssh.ExitError); errors.As(err, &exit) {
		out.Status = exit.ExitStatus()
		return out, nil
	}
	if err != nil {
		h.disconnect()
		return out, fmt.Errorf("host %s: %w", h.Name, errors.Join(context.Cause(ctx), err))
	}
	return out, nil
}

// Must runs a script as Exec does and returns what it printed; a status other than 0 is an error too.
func (h *Host) Must(ctx context.Context, script string) (string, error) {
	out, err := h.Exec(ctx, script)
	if err == nil && out.Status != 0 {
		err = fmt.Errorf("host %s: exit status %d of %q: %s%s", h.Name, out.Status, script, out.Stdout, out.Stderr)
	}
	return out.Stdout, err
}

// Kill powers the host off hard: what runs there ends without notice, its files stay.
func (h *Host) Kill(ctx context.Context) error {
	h.disconnect()
	return h.machine.kill(ctx)
}

// Start powers the host on after Kill and waits until it can be logged in to.
func (h *Host) Start(ctx context.Context) error {
	if err := h.machine.start(ctx); err != nil {
		return err
	}
	return h.wait(ctx)
}

// Reboot shuts the host down properly, boots it again and waits until it can be logged in to.
func (h *Host) Reboot(ctx context.Context) error {
	const bootID = "cat /proc/sys/kernel/random/boot_id"
	before, err := h.Must(ctx, bootID)
	if err != nil {
		return err
	}
	_, _ = h.Exec(ctx, "systemctl --no-block reboot") // the connection may end before the command does
	if err := h.machine.rebooting(ctx); err != nil {
		return err
	}
	for {
		h.disconnect()
		if err := h.wait(ctx); err != nil {
			return err
		}
		if now, err := h.Must(ctx, bootID); err == nil && now != before {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Close removes the host and all its files.
func (h *Host) Close(ctx context.Context) error {
	h.disconnect()
	return h.machine.destroy(ctx)
}

// SSHConfig returns a Host block of ssh_config for the host, for login as User.
func (h *Host) SSHConfig() string {
	return fmt.Sprintf(`Host %s
  HostName %s
  Port %d
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  UserKnownHostsFile %s
`, h.Name, h.Address, h.Port, User, h.KeyFile, h.KnownHosts)
}

// wait returns when root can log in and systemd has started everything.
func (h *Host) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.patience, fmt.Errorf("not booted after %s", h.patience))
	defer cancel()
	for {
		// "degraded" is fine: some units can't work in a container.
		out, err := h.Exec(ctx, "systemctl is-system-running --wait >/dev/null; id -u")
		if err == nil && strings.TrimSpace(out.Stdout) == "0" {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("host %s: %w", h.Name, errors.Join(context.Cause(ctx), err))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Listening returns when sshd takes connections: it doesn't while it is restarted.
func (h *Host) Listening(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.patience, fmt.Errorf("no sshd after %s", h.patience))
	defer cancel()
	dialer := h.dialer()
	for {
		conn, err := dialer.DialContext(ctx, "tcp", joinPort(h.Address, h.Port))
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("host %s: %w", h.Name, errors.Join(context.Cause(ctx), err))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// dialer gives up soon and so tries again soon: the packets that a booting host loses are sent again after a second only.
func (h *Host) dialer() *net.Dialer {
	return &net.Dialer{Timeout: cmp.Or(h.answers, 2*time.Second)}
}

// connect returns the connection for Exec.
func (h *Host) connect(ctx context.Context) (*ssh.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client != nil {
		return h.client, nil
	}
	pem, err := os.ReadFile(h.KeyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, err
	}
	address := joinPort(h.Address, h.Port)
	conn, err := h.dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// A host that is just going down accepts connections and says nothing.
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User:            "root",
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(h.hostKey),
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	h.client = ssh.NewClient(c, channels, requests)
	return h.client, nil
}

// disconnect ends the connection for Exec, if there is one.
func (h *Host) disconnect() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client != nil {
		_ = h.client.Close() // the other side may be gone
		h.client = nil
	}
}
