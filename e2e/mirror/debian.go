package mirror

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A debianPackage is a binary package as dpkg installs it (deb(5), deb-control(5)).
type debianPackage struct {
	name, version, architecture string
	section                     string
	preDepends                  string // this and the next two: as in the control file, may be empty
	depends                     string
	recommends                  string
	description                 string // one line

	scripts   map[string]string // maintainer scripts by name: config, postinst, prerm, postrm
	metadata  map[string]string // other control files by name: templates, triggers
	conffiles []string          // absolute paths of the files that are configuration
	files     []debianFile
}

// A debianFile is a file of a package, owned by root.
type debianFile struct {
	path    string // absolute
	mode    fs.FileMode
	content []byte
}

// fileName returns the package's name in a repository.
func (p *debianPackage) fileName() string {
	return fmt.Sprintf("%s_%s_%s.deb", p.name, p.version, p.architecture)
}

// control returns the fields of the control file.
func (p *debianPackage) control() string {
	size := 0
	for _, f := range p.files {
		size += len(f.content)
	}
	fields := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: rcprov lab <lab@rcprov.invalid>\n"+
		"Installed-Size: %d\nSection: %s\nPriority: optional\n", p.name, p.version, p.architecture, size/1024+1, p.section)
	for _, relation := range []struct{ field, packages string }{
		{"Pre-Depends", p.preDepends}, {"Depends", p.depends}, {"Recommends", p.recommends},
	} {
		if relation.packages != "" {
			fields += relation.field + ": " + relation.packages + "\n"
		}
	}
	return fields + "Description: " + p.description + "\n"
}

// encode returns the .deb file.
func (p *debianPackage) encode() ([]byte, error) {
	control := map[string]string{"control": p.control()}
	maps.Copy(control, p.metadata)
	if p.conffiles != nil {
		control["conffiles"] = strings.Join(p.conffiles, "\n") + "\n"
	}
	var controlTar, dataTar bytes.Buffer
	w := newTarballWriter(&controlTar)
	w.prefix = "./"
	for name, content := range control {
		if err := w.file(name, 0o644, int64(len(content)), strings.NewReader(content)); err != nil {
			return nil, err
		}
	}
	for name, script := range p.scripts {
		if err := w.file(name, 0o755, int64(len(script)), strings.NewReader(script)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	w = newTarballWriter(&dataTar)
	w.prefix = "./"
	for _, f := range p.files {
		if err := w.file(strings.TrimPrefix(f.path, "/"), f.mode, int64(len(f.content)), bytes.NewReader(f.content)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString("!<arch>\n")
	for _, member := range []struct {
		name    string
		content []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", controlTar.Bytes()}, {"data.tar.gz", dataTar.Bytes()}} {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", member.name, time.Now().Unix(), 0, 0, 0o100644, len(member.content))
		out.Write(member.content)
		if len(member.content)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), nil
}

// An aptRepository is one suite of a vendor's repository with one component, or a flat repository (sources.list(5)).
type aptRepository struct {
	suite        string // as in a sources file: bookworm/mongodb-org/7.0, or stable/ for a flat repository
	component    string // empty in a flat repository
	architecture string // the only one
	release      string // fields of the Release file before its checksums: Origin, Label, Suite, Codename, ...
	packages     []debianPackage
	key          *signingKey
}

// write writes the repository's files below dir. Packages are beside their index, as in MongoDB's, not in a pool.
func (r *aptRepository) write(dir string) error {
	suiteDir := filepath.Join("dists", filepath.FromSlash(r.suite))
	indexDir := filepath.Join(r.component, "binary-"+r.architecture)
	if strings.HasSuffix(r.suite, "/") {
		suiteDir, indexDir = filepath.FromSlash(r.suite), ""
	}
	if err := os.MkdirAll(filepath.Join(dir, suiteDir, indexDir), 0o755); err != nil {
		return err
	}
	var index bytes.Buffer
	for _, p := range r.packages {
		deb, err := p.encode()
		if err != nil {
			return fmt.Errorf("package %s: %w", p.name, err)
		}
		name := filepath.Join(suiteDir, indexDir, p.fileName())
		if err := os.WriteFile(filepath.Join(dir, name), deb, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&index, "%sFilename: %s\nSize: %d\nSHA256: %x\n\n", p.control(), filepath.ToSlash(name), len(deb), sha256.Sum256(deb))
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write(index.Bytes())
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	release := r.release + "Date: " + time.Now().UTC().Format(time.RFC1123) + "\nSHA256:\n"
	for name, content := range map[string][]byte{"Packages": index.Bytes(), "Packages.gz": zipped.Bytes()} {
		name = filepath.Join(indexDir, name)
		if err := os.WriteFile(filepath.Join(dir, suiteDir, name), content, 0o644); err != nil {
			return err
		}
		release += fmt.Sprintf(" %x %d %s\n", sha256.Sum256(content), len(content), filepath.ToSlash(name))
	}
	return r.sign(filepath.Join(dir, suiteDir), []byte(release))
}

// sign writes Release, Release.gpg and InRelease.
func (r *aptRepository) sign(dir string, release []byte) error {
	detached, err := r.key.detached(release)
	if err != nil {
		return err
	}
	inRelease, err := r.key.clearsigned(release)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "Release"), release, 0o644),
		os.WriteFile(filepath.Join(dir, "Release.gpg"), detached, 0o644),
		os.WriteFile(filepath.Join(dir, "InRelease"), inRelease, 0o644))
}
