package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A cache is a directory with what mirrors downloaded, generated and built, shared by all processes of this machine:
//
//	keys/NAME.asc            private signing keys
//	npm/NAME-VERSION.tgz     packages, as npm delivers them
//	pip/NAME-VERSION-*.whl   packages, as pip delivers them
//	PART-STAMP/              a finished part; the stamp is a hash of its inputs
//	*.lock
type cache struct {
	dir string
	log io.Writer
}

// build returns the directory of a part, and first builds it if it isn't there: make fills an empty directory. The
// directory's name depends on the inputs, so a part is built again when one of them changes.
func (c *cache) build(ctx context.Context, part string, make func(ctx context.Context, dir string) error, inputs ...any) (string, error) {
	hash := sha256.New()
	for _, input := range inputs {
		if err := addToHash(hash, input); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(c.dir, part+"-"+hex.EncodeToString(hash.Sum(nil)[:4]))
	unlock, err := c.lock(part)
	if err != nil {
		return "", err
	}
	defer unlock()
	now := time.Now()
	if err := os.Chtimes(dir, now, now); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return dir, err // the time of the last use; see removeOld
	}
	if _, err := fmt.Fprintf(c.log, "mirror: building %s (once)\n", part); err != nil {
		return "", err
	}
	unfinished := filepath.Join(c.dir, part+".unfinished")
	if err := errors.Join(os.RemoveAll(unfinished), os.MkdirAll(unfinished, 0o755)); err != nil {
		return "", err
	}
	if err := make(ctx, unfinished); err != nil {
		return "", errors.Join(fmt.Errorf("build %s: %w", part, err), os.RemoveAll(unfinished))
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return "", err
	}
	return dir, c.removeOld(part)
}

// addToHash adds all files of an fs.FS, or of any other input what fmt prints.
func addToHash(w io.Writer, input any) error {
	files, ok := input.(fs.FS)
	if !ok {
		_, err := fmt.Fprintf(w, "%q\n", input)
		return err
	}
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%q %q\n", name, content)
		return err
	})
}

// removeOld removes the directories of a part that were not used for a week. A process of another working tree may
// serve a newer one.
func (c *cache) removeOld(part string) error {
	dirs, err := filepath.Glob(filepath.Join(c.dir, part+"-????????"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if time.Since(info.ModTime()) > 7*24*time.Hour {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// lock waits until no other process holds the lock of that name.
func (c *cache) lock(name string) (unlock func(), err error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(c.dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return func() { _ = f.Close() }, nil // releases the lock; nothing was written
}
