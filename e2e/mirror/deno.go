package mirror

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Deno is dl.deno.land/release for x86_64 Linux, which Rocket.Chat 7.0 to 8.7 needs. Releases have no signature.
type Deno struct {
	ReleaseURL string // in place of https://dl.deno.land/release: has vVERSION/deno-x86_64-unknown-linux-gnu.zip
	Version    string
	SHA256     string // of the zip, hexadecimal
}

// denoVersion is the version on npm that is nearest to Rocket.Chat's 1.43.5.
const denoVersion = "1.46.3"

var denoSource = npmPackage{"@deno/linux-x64-glibc", denoVersion, "sha512-2z8O02jFnmFapHbSmS7Xg0/MIVhhpNCULqnqTdFHQYXRweIpQu5Hcf0WHCjW4bZstl5Y50bGjQHQFwTKbEo1Kg=="}

//go:embed deno.go
var denoFiles embed.FS

// deno returns the directory of the release and its description, with URLs below base.
func (c *cache) deno(ctx context.Context, base string) (string, Deno, error) {
	d := Deno{ReleaseURL: base + "/release", Version: denoVersion}
	const name = "deno-x86_64-unknown-linux-gnu.zip"
	dir, err := c.build(ctx, "deno", func(ctx context.Context, dir string) error {
		tarball, err := c.fetch(ctx, denoSource)
		if err != nil {
			return err
		}
		var zipped bytes.Buffer
		w := zip.NewWriter(&zipped)
		err = readTarball(tarball, func(name string, _ fs.FileMode, _ int64, content io.Reader) error {
			if name != "deno" {
				return nil
			}
			header := &zip.FileHeader{Name: name, Method: zip.Deflate}
			header.SetMode(0o755)
			file, err := w.CreateHeader(header)
			if err != nil {
				return err
			}
			_, err = io.Copy(file, content)
			return err
		})
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
		release := filepath.Join(dir, "release", "v"+denoVersion)
		return errors.Join(
			os.MkdirAll(release, 0o755),
			os.WriteFile(filepath.Join(release, name), zipped.Bytes(), 0o644),
			os.WriteFile(filepath.Join(release, name+".sha256sum"), fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(zipped.Bytes()), name), 0o644))
	}, denoFiles)
	if err != nil {
		return "", d, err
	}
	sum, err := os.ReadFile(filepath.Join(dir, "release", "v"+denoVersion, name+".sha256sum"))
	if err == nil {
		d.SHA256 = string(sum[:sha256.Size*2])
	}
	return dir, d, err
}
