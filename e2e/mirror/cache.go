package mirror

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A cache is a directory of what was fetched, made and built for mirrors, shared by all processes of this machine:
//
//	keys/NAME.asc            private signing keys
//	npm/NAME-VERSION.tgz     packages as npm delivers them
//	PART-STAMP/              a finished part; the stamp is of all that it was made from
//	*.lock
type cache struct {
	dir string
	log io.Writer
}

// build returns the directory of a part, after making it if it isn't there. The inputs, whatever they are, are those
// that the part is made from: other inputs, another directory. make fills an empty directory.
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
		return dir, err // the time is that of the last use; see removeOld
	}
	fmt.Fprintf(c.log, "mirror: building %s (once)\n", part)
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

// addToHash adds a file system with all its files, or else what fmt prints.
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

// removeOld removes the directories of a part that nobody has used for a week. Others may be served by another
// process, of another working tree.
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

// lock keeps other processes from building the same thing.
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
	return func() { _ = f.Close() }, nil // closing ends the lock; nothing was written
}

// An npmPackage is a published package with its integrity, as `npm view NAME@VERSION dist.integrity` prints it.
type npmPackage struct{ name, version, integrity string }

// fetch returns the path of a package's tarball, after fetching it with npm. Nothing of the package is run.
func (c *cache) fetch(ctx context.Context, p npmPackage) (string, error) {
	unlock, err := c.lock("npm")
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(c.dir, "npm")
	tarball := filepath.Join(dir, p.name+"-"+p.version+".tgz")
	if _, err := os.Stat(tarball); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return tarball, err
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return "", fmt.Errorf("fetch %s@%s: %w; `make lab-deps` installs what is missing (Debian, Ubuntu)", p.name, p.version, err)
	}
	unfinished := filepath.Join(dir, "unfinished")
	if err := errors.Join(os.RemoveAll(unfinished), os.MkdirAll(unfinished, 0o755)); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", unfinished, p.name+"@"+p.version)
	cmd.Dir = unfinished
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack %s@%s: %w\n%s", p.name, p.version, err, out)
	}
	packed := filepath.Join(unfinished, filepath.Base(tarball))
	if err := checkIntegrity(packed, p.integrity); err != nil {
		return "", err
	}
	return tarball, errors.Join(os.Rename(packed, tarball), os.RemoveAll(unfinished))
}

// checkIntegrity compares a file with a checksum in npm's form, "sha512-" and base64.
func checkIntegrity(name, integrity string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	hash := sha512.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil))
	if got != integrity {
		return fmt.Errorf("%s has integrity %s, not %s", filepath.Base(name), strings.TrimSpace(got), integrity)
	}
	return nil
}
