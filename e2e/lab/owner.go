package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// An owner is the file that says whose a host is. The process that launched the host keeps it locked, and the kernel
// ends the lock with the process, however that ends. A kept host has no owner; its file says so.
type owner struct{ file *os.File }

func newOwner(name string, keep bool) (*owner, error) {
	if keep {
		return &owner{}, os.WriteFile(name, []byte("keep\n"), 0o644)
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return &owner{file: f}, nil
}

// release ends the lock. A nil owner is that of another process.
func (o *owner) release() {
	if o != nil && o.file != nil {
		_ = o.file.Close() // nothing was written
		o.file = nil
	}
}

// An ownership is whose a host is.
type ownership int

const (
	living    ownership = iota // a process that lives
	abandoned                  // a process that has ended
	kept                       // nobody; it stays until people remove it
)

// ownerOf returns whose the host with an owner file is.
func ownerOf(name string) (ownership, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return abandoned, nil // its process was killed while it made the host's directory, or while it removed it
	}
	if err != nil {
		return living, err
	}
	defer func() { _ = f.Close() }() // read only
	if info, err := f.Stat(); err != nil {
		return living, err
	} else if info.Size() > 0 {
		return kept, nil
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return living, nil
	}
	if err != nil {
		return living, err
	}
	return abandoned, nil
}

// lockFile waits for an exclusive lock on a file, which is made if need be.
func lockFile(name string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing ends the lock; nothing was written
}
