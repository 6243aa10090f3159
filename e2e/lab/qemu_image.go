package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// A qemuImage is a disk that was booted once, and the machine's memory as it was then. Its directory is
//
//	disks/IMAGE-STAMP/installed.qcow2   the disk as it was installed
//	disks/IMAGE-STAMP/booted.qcow2      what the first boot wrote
//	disks/IMAGE-STAMP/state             memory and devices when all was up
//	disks/IMAGE-STAMP/accel             how this machine runs it: kvm, hvf or tcg (emulation)
//	disks/IMAGE-STAMP/host_key.pub      of the saved machine; those made of it get their own
type qemuImage struct {
	dir     string
	accel   string
	keyFile string // of the lab
	hostKey ssh.PublicKey
}

// patience is how long a machine may take to boot. An emulated one takes a minute where nothing else runs.
func (i *qemuImage) patience() time.Duration {
	if i.accel == "tcg" {
		return 15 * time.Minute
	}
	return 3 * time.Minute
}

// host returns the saved machine as a host, for the moment until it is one of its own.
func (i *qemuImage) host(port int) *Host {
	return &Host{
		Name: filepath.Base(i.dir), Address: "127.0.0.1", Port: port,
		KeyFile: i.keyFile, hostKey: i.hostKey, patience: i.patience(),
	}
}

// image returns an image, after building it if it isn't there. Its name carries a stamp of all that it depends on.
func (q *qemu) image(ctx context.Context, name string) (*qemuImage, error) {
	version, err := q.run(ctx, "", qemuSystem(), "--version") // a saved state is for this one only
	if err != nil {
		return nil, err
	}
	recipe, err := diskRecipe(name)
	if err != nil {
		return nil, err
	}
	disks := filepath.Join(q.config.Dir, "disks")
	stamp := sha256.Sum256([]byte(version + recipe + strings.Join((&qemuVM{}).arguments(), " ")))
	dir := filepath.Join(disks, name+"-"+hex.EncodeToString(stamp[:4]))
	unlock, err := lockFile(filepath.Join(disks, name+".lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		err = q.build(ctx, name, dir)
		if err != nil {
			return nil, fmt.Errorf("build image %s: %w", name, err)
		}
	} else if err != nil {
		return nil, err
	}
	return q.openImage(dir)
}

func (q *qemu) openImage(dir string) (*qemuImage, error) {
	accel, err := os.ReadFile(filepath.Join(dir, "accel"))
	if err != nil {
		return nil, err
	}
	public, err := os.ReadFile(filepath.Join(dir, "host_key.pub"))
	if err != nil {
		return nil, err
	}
	i := &qemuImage{dir: dir, accel: string(accel), keyFile: filepath.Join(q.config.Dir, "id_ed25519")}
	i.hostKey, _, _, _, err = ssh.ParseAuthorizedKey(public)
	return i, err
}

// build installs a disk, boots it, and saves the machine when all is up. The caller holds the image's lock.
func (q *qemu) build(ctx context.Context, name, dir string) error {
	unfinished := filepath.Join(filepath.Dir(dir), name+".unfinished")
	if err := errors.Join(os.RemoveAll(unfinished), os.MkdirAll(unfinished, 0o755)); err != nil {
		return err
	}
	id, err := q.imageIdentity(unfinished)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "lab: building a disk for %s (about a minute, once)\n", name)
	if err := q.installDisk(ctx, name, id, filepath.Join(unfinished, "installed.qcow2")); err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}
	accel, why := q.accelerator(ctx, unfinished)
	if accel == "tcg" {
		fmt.Fprintf(os.Stderr, "lab: booting it for the first time; emulated, because %s: this takes minutes, once\n", why)
	}
	if err := os.WriteFile(filepath.Join(unfinished, "accel"), []byte(accel), 0o644); err != nil {
		return err
	}
	image, err := q.openImage(unfinished)
	if err != nil {
		return err
	}
	m := &qemuVM{lab: q, dir: unfinished, accel: accel}
	if err := m.save(ctx, image); err != nil {
		return errors.Join(fmt.Errorf("%w%s", err, m.said()), m.kill(context.WithoutCancel(ctx)), os.RemoveAll(unfinished))
	}
	return os.Rename(unfinished, dir)
}

// imageIdentity makes the host key of a machine that is to be saved.
func (q *qemu) imageIdentity(dir string) (*identity, error) {
	unlock, err := lockFile(filepath.Join(q.config.Dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	id := &identity{dir: dir}
	if id.keyFile, id.client, err = clientKey(q.config.Dir); err != nil {
		return nil, err
	}
	if id.hostKey, err = newKeyPair("rcprov-lab-image"); err != nil {
		return nil, err
	}
	return id, os.WriteFile(filepath.Join(dir, "host_key.pub"), []byte(id.hostKey.public+"\n"), 0o644)
}

// save boots the image's machine and saves its state when all is up.
func (m *qemuVM) save(ctx context.Context, image *qemuImage) error {
	if err := m.overlay(ctx, "installed.qcow2"); err != nil {
		return err
	}
	if err := m.powerOn(ctx); err != nil {
		return err
	}
	h := image.host(m.port)
	if err := h.wait(ctx); err != nil {
		return err
	}
	if _, err := h.Must(ctx, "resize2fs -f /dev/vda1 2>/dev/null || :; sync"); err != nil {
		return err
	}
	h.disconnect()
	if err := m.saveState(ctx); err != nil {
		return err
	}
	if err := m.kill(ctx); err != nil {
		return err
	}
	return os.Rename(filepath.Join(m.dir, "disk.qcow2"), filepath.Join(m.dir, "booted.qcow2"))
}

// saveState writes memory and devices to the file state; the machine stands still from then on.
func (m *qemuVM) saveState(ctx context.Context) error {
	c, err := m.dialQMP()
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.command("migrate", map[string]any{"uri": "exec:cat >state"}, nil); err != nil {
		return err
	}
	for {
		var migration struct{ Status, ErrorDesc string }
		if err := c.command("query-migrate", nil, &migration); err != nil {
			return err
		}
		switch migration.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("save its state: %s %s", migration.Status, migration.ErrorDesc)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// accelerator returns how this machine runs others of its kind fastest, and why it isn't faster. Whether /dev/kvm works is
// found by booting: in a virtual machine it may be there and be of no use.
func (q *qemu) accelerator(ctx context.Context, dir string) (accel, why string) {
	switch runtime.GOOS {
	case "linux":
		f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
		if err != nil {
			return "tcg", fmt.Sprintf("/dev/kvm can't be used (%v)", err)
		}
		_ = f.Close() // nothing was written
		accel = "kvm"
	case "darwin":
		accel = "hvf"
	default:
		return "tcg", "no hypervisor of " + runtime.GOOS + " is known here"
	}
	if err := q.trial(ctx, dir, accel); err != nil {
		return "tcg", err.Error()
	}
	return accel, ""
}

// trial boots the installed disk until its kernel says something.
func (q *qemu) trial(ctx context.Context, dir, accel string) error {
	trial := filepath.Join(dir, "trial")
	if err := os.Mkdir(trial, 0o755); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(trial) }() // build removes what is left
	m := &qemuVM{lab: q, dir: trial, accel: accel}
	if err := m.overlay(ctx, filepath.Join(dir, "installed.qcow2")); err != nil {
		return err
	}
	defer func() { _ = m.kill(context.WithoutCancel(ctx)) }() // if it doesn't end, the first boot says why
	if err := m.powerOn(ctx); err != nil {
		return err
	}
	const patience = 20 * time.Second
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if said, _ := os.ReadFile(filepath.Join(trial, "console.log")); strings.Contains(string(said), "Linux version") {
			return nil
		}
	}
	return fmt.Errorf("a kernel said nothing for %s under %s", patience, accel)
}
