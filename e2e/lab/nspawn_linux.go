package lab

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// nspawn boots systemd containers: an overlay mount for each host over a shared image, a bridge with NAT. The
// directory of a host is
//
//	hosts/NAME/owner        see type owner
//	hosts/NAME/octet        last octet of its address
//	hosts/NAME/base         the image's directory
//	hosts/NAME/upper        what was written on it
//	hosts/NAME/work, root   overlayfs' own, and the mount
//	hosts/NAME/pid          of the shell that runs systemd-nspawn
//	hosts/NAME/known_hosts, console.log
//
// and removed/NAME is one that is just being deleted.
type nspawn struct{ config Config }

func newNspawn(c Config) Backend { return &nspawn{config: c} }

func (*nspawn) Name() string { return "nspawn" }

func (*nspawn) Images() []string {
	return []string{"debian-12", "debian-13", "debian-12-wine", "debian-13-wine", "debian-12-ufw", "debian-13-ufw"}
}

func (*nspawn) Usable() error {
	if os.Geteuid() != 0 {
		return errors.New("needs root (run the same command with sudo -E)")
	}
	var missing []string
	for _, tool := range []string{"systemd-nspawn", "mmdebstrap", "ip", "iptables"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if missing != nil {
		return fmt.Errorf("%s not found; `make lab-deps` installs what is missing (Debian, Ubuntu)", strings.Join(missing, ", "))
	}
	return nil
}

func (n *nspawn) Prepare(ctx context.Context, image string) error {
	_, err := n.image(ctx, image)
	return err
}

func (n *nspawn) Launch(ctx context.Context, spec Spec) (*Host, error) {
	if err := checkSpec(n, spec); err != nil {
		return nil, err
	}
	base, err := n.image(ctx, spec.Image)
	if err != nil {
		return nil, err
	}
	h, c, err := n.claim(ctx, spec, base)
	if err != nil {
		return nil, fmt.Errorf("launch host %s: %w", spec.Name, err)
	}
	if err = c.mount(ctx); err == nil {
		err = c.furnish(ctx, h)
	}
	if err == nil {
		err = h.Start(ctx)
	}
	if err != nil {
		console, _ := os.ReadFile(filepath.Join(c.dir, "console.log")) // explains most failures, if it is there
		return nil, errors.Join(fmt.Errorf("launch host %s: %w\n%s", spec.Name, err, console), c.destroy(context.WithoutCancel(ctx)))
	}
	return h, nil
}

// claim reserves the name and an address for a host, by making its directory, and sees to the network.
func (n *nspawn) claim(ctx context.Context, spec Spec, base string) (*Host, *container, error) {
	unlock, err := n.lock()
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if err := n.removeHosts(ctx, abandoned); err != nil {
		return nil, nil, err
	}
	if err := n.networkUp(ctx); err != nil {
		return nil, nil, err
	}
	keyFile, _, err := clientKey(n.config.Dir)
	if err != nil {
		return nil, nil, err
	}
	octet, err := n.freeOctet()
	if err != nil {
		return nil, nil, err
	}
	c := &container{lab: n, name: spec.Name, hostname: cmp.Or(spec.Hostname, spec.Name), dir: n.hostDir(spec.Name), base: base, octet: octet}
	if err := os.MkdirAll(filepath.Dir(c.dir), 0o755); err != nil {
		return nil, nil, err
	}
	if err := os.Mkdir(c.dir, 0o755); errors.Is(err, fs.ErrExist) {
		return nil, nil, errors.New("there is a host of this name; remove it with `make lab-down`")
	} else if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(c.writeFile("octet", strconv.Itoa(octet)), c.writeFile("base", base)); err != nil {
		return nil, nil, err
	}
	if c.owner, err = newOwner(c.path("owner"), spec.Keep); err != nil {
		return nil, nil, err
	}
	h := &Host{
		Name: spec.Name, Image: spec.Image,
		Address: n.config.address(octet), Port: 22,
		KeyFile: keyFile, KnownHosts: filepath.Join(c.dir, "known_hosts"),
		Layers:  &Layers{Base: base, Upper: filepath.Join(c.dir, "upper")},
		machine: c, patience: 2 * time.Minute, answers: 250 * time.Millisecond,
	}
	return h, c, nil
}

func (n *nspawn) Clean(ctx context.Context) error {
	unlock, err := n.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return errors.Join(n.removeHosts(ctx, abandoned), n.networkDownIfUnused(ctx))
}

func (n *nspawn) Down(ctx context.Context) error {
	unlock, err := n.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return errors.Join(n.removeHosts(ctx, abandoned, kept), n.networkDownIfUnused(ctx))
}

// removeHosts removes the hosts with one of these ownerships, and what a killed process left half deleted. The caller
// holds the lab's lock.
func (n *nspawn) removeHosts(ctx context.Context, which ...ownership) error {
	names, err := n.hostNames()
	if err != nil {
		return err
	}
	errs := []error{n.deleteLeftovers()}
	for _, name := range names {
		c := &container{lab: n, name: name, dir: n.hostDir(name)}
		whose, err := ownerOf(c.path("owner"))
		if err == nil && slices.Contains(which, whose) {
			err = c.remove(ctx)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove host %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// deleteLeftovers deletes what is in removed/ and has lost its owner. A living process may be at work on the same
// directory, when it has come as far as the owner's file: both then find things gone that they meant to delete.
func (n *nspawn) deleteLeftovers() error {
	dirs, err := filepath.Glob(filepath.Join(n.removedDir(), "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if whose, err := ownerOf(filepath.Join(dir, "owner")); err != nil {
			return err
		} else if whose == living {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

func (n *nspawn) removedDir() string { return filepath.Join(n.config.Dir, "removed") }

func (n *nspawn) hostDir(name string) string { return filepath.Join(n.config.Dir, "hosts", name) }

func (n *nspawn) hostNames() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(n.config.Dir, "hosts"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// freeOctet returns a last octet that no host has. The caller holds the lab's lock.
func (n *nspawn) freeOctet() (int, error) {
	names, err := n.hostNames()
	if err != nil {
		return 0, err
	}
	taken := map[string]bool{}
	for _, name := range names {
		octet, err := os.ReadFile(filepath.Join(n.hostDir(name), "octet"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		taken[string(octet)] = true
	}
	for octet := 2; octet < 255; octet++ {
		if !taken[strconv.Itoa(octet)] {
			return octet, nil
		}
	}
	return 0, errors.New("all 253 addresses of the lab are taken")
}

// lock keeps other processes from changing the set of hosts and the network.
func (n *nspawn) lock() (unlock func(), err error) {
	return lockFile(filepath.Join(n.config.Dir, "lock"))
}

// A container is the machine of one host.
type container struct {
	lab      *nspawn
	name     string
	hostname string
	dir      string
	base     string
	octet    int
	owner    *owner
}

func (c *container) path(name string) string { return filepath.Join(c.dir, name) }
func (c *container) writeFile(name, content string) error {
	return os.WriteFile(c.path(name), []byte(content), 0o644)
}

func (c *container) mount(ctx context.Context) error {
	for _, dir := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	// volatile: syncs inside the host cost nothing. What a killed host wrote is in this machine's page cache and
	// thus not lost.
	options := fmt.Sprintf("volatile,lowerdir=%s,upperdir=%s,workdir=%s", c.base, c.path("upper"), c.path("work"))
	return run(ctx, "mount", "-t", "overlay", "overlay", "-o", options, c.path("root"))
}

// furnish gives the host what makes it different from others: name, address, keys.
func (c *container) furnish(ctx context.Context, h *Host) error {
	hostKey, err := newKeyPair(c.name)
	if err != nil {
		return err
	}
	h.hostKey, _, _, _, err = ssh.ParseAuthorizedKey([]byte(hostKey.public))
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.KnownHosts, []byte(knownHostsLine(h.Address, h.Port, hostKey.public)), 0o644); err != nil {
		return err
	}
	_, public, err := clientKey(c.lab.config.Dir)
	if err != nil {
		return err
	}
	resolver, err := resolvConf()
	if err != nil {
		return err
	}
	id := sha256.Sum256([]byte(c.hostname))
	root := os.DirFS(c.path("root"))
	admin, err := fs.Stat(root, "home/"+User)
	if err != nil {
		return err
	}
	owner := admin.Sys().(*syscall.Stat_t)
	files := []struct {
		name, content string
		mode          fs.FileMode
		uid, gid      uint32
	}{
		{"etc/hostname", c.hostname + "\n", 0o644, 0, 0},
		{"etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\t" + c.hostname + "\n::1\tlocalhost ip6-localhost ip6-loopback\n", 0o644, 0, 0},
		{"etc/machine-id", hex.EncodeToString(id[:16]) + "\n", 0o444, 0, 0},
		{"etc/resolv.conf", resolver, 0o644, 0, 0},
		{"etc/systemd/network/10-lab.network", c.networkUnit(), 0o644, 0, 0},
		{"etc/ssh/ssh_host_ed25519_key", string(hostKey.private), 0o600, 0, 0},
		{"etc/ssh/ssh_host_ed25519_key.pub", hostKey.public + "\n", 0o644, 0, 0},
		{"root/.ssh/authorized_keys", public + "\n", 0o600, 0, 0},
		{"home/" + User + "/.ssh/authorized_keys", public + "\n", 0o600, owner.Uid, owner.Gid},
	}
	for _, f := range files {
		name := filepath.Join(c.path("root"), f.name)
		if err := os.WriteFile(name, []byte(f.content), f.mode); err != nil {
			return err
		}
		if err := errors.Join(os.Chmod(name, f.mode), os.Chown(name, int(f.uid), int(f.gid))); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// networkUnit returns systemd-networkd's file for the host. The MAC address follows from the IP address, so that what
// this machine remembers of the previous host with that address holds for the new one.
func (c *container) networkUnit() string {
	return fmt.Sprintf("[Match]\nName=host0\n[Link]\nMACAddress=02:00:00:00:00:%02x\n[Network]\nAddress=%s/24\nGateway=%s\n",
		c.octet, c.lab.config.address(c.octet), c.lab.config.address(1))
}

func (c *container) start(context.Context) error {
	console, err := os.OpenFile(c.path("console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = console.Close() }() // the child has its own
	// CAP_SYS_ADMIN and CAP_NET_ADMIN: sandboxed units (PrivateTmp and the like) and firewalls work as on a real
	// host. @memlock: databases lock memory. Neither context nor process group: the host lives on its own, and
	// Ctrl-C at the tests is not for it.
	cmd := exec.Command("sh", "-euc", ownCgroup, "nspawn", c.machineName(),
		"--quiet", "--boot", "--register=no", "--keep-unit", "--machine="+c.machineName(),
		"--directory="+c.path("root"), "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--network-veth", "--network-bridge="+c.lab.config.Bridge,
		"--capability=CAP_NET_ADMIN,CAP_SYS_ADMIN", "--system-call-filter=@memlock", "--console=pipe")
	cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_TMPFS_TMP=0") // see customize
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // reap it; how it ended does not matter
	return c.writeFile("pid", strconv.Itoa(cmd.Process.Pid))
}

// kill ends the container by its first process, and waits until that and systemd-nspawn have gone: as long as one is
// there, the old host may still answer at its address.
func (c *container) kill(ctx context.Context) error {
	pid, err := c.pid()
	if err != nil || pid == 0 {
		return err
	}
	boots, err := childrenOf(pid)
	if err != nil {
		return err
	}
	victims := []string{strconv.Itoa(pid)} // first the shell that would boot it again
	for _, nspawn := range boots {
		first, err := childrenOf(nspawn)
		if err != nil {
			return err
		}
		if len(first) == 0 {
			first = []int{nspawn} // it had not got as far as a container
		}
		for _, one := range first {
			victims = append(victims, strconv.Itoa(one))
		}
	}
	for _, victim := range victims {
		if number, err := strconv.Atoi(victim); err == nil {
			_ = syscall.Kill(number, syscall.SIGKILL) // may just have ended
		}
	}
	for _, nspawn := range boots {
		victims = append(victims, strconv.Itoa(nspawn)) // they end with their containers
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		gone := func(pid string) bool {
			args, err := os.ReadFile("/proc/" + pid + "/cmdline")
			return err != nil || len(args) == 0 // a zombie has none
		}
		if !slices.ContainsFunc(victims, func(pid string) bool { return !gone(pid) }) {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("systemd-nspawn of %s does not end", c.name), ctx.Err())
}

// childrenOf returns the children of a process; none when it has ended.
func childrenOf(pid int) (all []int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for word := range strings.FieldsSeq(string(text)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		all = append(all, child)
	}
	return all, nil
}

// rebooting has nothing to do: the shell that runs systemd-nspawn starts it again.
func (*container) rebooting(context.Context) error { return nil }

// pid returns the process of the shell that runs systemd-nspawn, or 0 when it is not running.
func (c *container) pid() (int, error) {
	text, err := os.ReadFile(c.path("pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, err
	}
	// The number may have been given to another process since.
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0, nil
	}
	if err != nil || !strings.Contains(string(args), "--directory="+c.path("root")+"\x00") {
		return 0, err
	}
	return pid, nil
}

// destroy holds the lab's lock for a moment only: other hosts boot and end meanwhile. Until it has gone from hosts/, the
// host belongs to this process, and nobody else removes it.
func (c *container) destroy(ctx context.Context) error {
	if err := c.stop(ctx); err != nil {
		return err
	}
	defer c.owner.release()
	removed, err := c.moveAway(ctx)
	if removed != "" {
		err = errors.Join(err, os.RemoveAll(removed))
	}
	return err
}

// moveAway takes a stopped host out of hosts/, and returns where it is now.
func (c *container) moveAway(ctx context.Context) (string, error) {
	unlock, err := c.lab.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	removed := filepath.Join(c.lab.removedDir(), c.name)
	if err := errors.Join(os.MkdirAll(c.lab.removedDir(), 0o755), os.RemoveAll(removed)); err != nil {
		return "", err
	}
	if err := os.Rename(c.dir, removed); err != nil {
		return "", err
	}
	return removed, c.lab.networkDownIfUnused(ctx)
}

// remove removes the container and its directory. The caller holds the lab's lock.
func (c *container) remove(ctx context.Context) error {
	if err := c.stop(ctx); err != nil {
		return err
	}
	defer c.owner.release()
	return os.RemoveAll(c.dir)
}

// stop ends the container and unmounts its file system.
func (c *container) stop(ctx context.Context) error {
	if err := c.kill(ctx); err != nil {
		return err
	}
	root := c.path("root")
	for deadline := time.Now().Add(time.Minute); isMounted(root); time.Sleep(20 * time.Millisecond) {
		err := run(ctx, "umount", root)
		if err != nil && time.Now().After(deadline) {
			return err
		}
	}
	removeCgroups(c.machineName())
	return nil
}

// machineName is unique on this machine, also beside other labs.
func (c *container) machineName() string { return c.lab.config.Bridge + "-" + c.name }

// isMounted reports whether something is mounted on dir.
func isMounted(dir string) bool {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	return err == nil && strings.Contains(string(mounts), " "+dir+" ")
}

// run runs a program of this machine; the error has all it said.
func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
