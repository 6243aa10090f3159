package mirror

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// readTarball calls do for each regular file of a .tgz, with the file's name below the archive's top directory.
func readTarball(name string, do func(name string, mode fs.FileMode, size int64, content io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, below, ok := strings.Cut(header.Name, "/")
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		if err := do(below, header.FileInfo().Mode().Perm(), header.Size, archive); err != nil {
			return err
		}
	}
}

// A tarballWriter writes a .tar.gz, with the directories of its files.
type tarballWriter struct {
	zipped *gzip.Writer
	tar    *tar.Writer
	time   time.Time
	owner  int    // user and group ID of all entries
	prefix string // of the names of directories and files: "./" in Debian packages
	made   map[string]bool
}

func newTarballWriter(w io.Writer) *tarballWriter {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestSpeed) // built in CI, read once or twice
	if err != nil {
		panic(err) // the level is a constant
	}
	return &tarballWriter{zipped: zipped, tar: tar.NewWriter(zipped), time: time.Now(), made: map[string]bool{}}
}

// file adds a regular file.
func (w *tarballWriter) file(name string, mode fs.FileMode, size int64, content io.Reader) error {
	if err := w.entry(name, tar.Header{Typeflag: tar.TypeReg, Mode: int64(mode.Perm()), Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(w.tar, content)
	return err
}

// link adds a symbolic link.
func (w *tarballWriter) link(name, target string) error {
	return w.entry(name, tar.Header{Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777})
}

// directory adds a directory and its parents.
func (w *tarballWriter) directory(name string) error {
	if w.made[name] || name == "." {
		return nil
	}
	w.made[name] = true
	return w.entry(name, tar.Header{Typeflag: tar.TypeDir, Mode: 0o755})
}

func (w *tarballWriter) entry(name string, header tar.Header) error {
	if err := w.directory(path.Dir(name)); err != nil {
		return err
	}
	header.Name = w.prefix + name
	if header.Typeflag == tar.TypeDir {
		header.Name += "/"
	}
	header.Uid, header.Gid, header.ModTime = w.owner, w.owner, w.time
	return w.tar.WriteHeader(&header)
}

func (w *tarballWriter) Close() error { return errors.Join(w.tar.Close(), w.zipped.Close()) }
