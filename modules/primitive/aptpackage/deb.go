package aptpackage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// A deb is a package as a file.
type deb struct {
	Source  string // on the controller, as the plan has it; empty: it is on the host
	Content []byte // of Source
	File    string // on the host

	control
}

// name is the file for people.
func (d *deb) name() string {
	if d.Source != "" {
		return d.Source
	}
	return d.File
}

// control is what a package says of itself.
type control struct{ Package, Version, Arch string }

// readDeb reads the control file of a Debian package.
//
// Source: deb(5): an ar archive of debian-binary, control.tar[.gz|.xz|.zst] and data.tar.
func readDeb(content []byte) (control, error) {
	rest, found := bytes.CutPrefix(content, []byte("!<arch>\n"))
	if !found {
		return control{}, errors.New("is no Debian package: it doesn't begin as an ar archive")
	}
	for len(rest) >= arHeader {
		name := strings.TrimRight(string(rest[:16]), " /")
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
		if err != nil || size < 0 || size > len(rest)-arHeader {
			return control{}, errors.New("is no whole Debian package: it ends too early")
		}
		if strings.HasPrefix(name, "control.tar") {
			return readControl(name, rest[arHeader:arHeader+size])
		}
		rest = rest[min(arHeader+size+size%2, len(rest)):]
	}
	return control{}, errors.New("is no Debian package: it has no control.tar")
}

// arHeader is the length of the header of each member of an ar archive, in bytes: ar(5).
const arHeader = 60

// maxControl is more than any control.tar holds when it is unpacked, in bytes.
const maxControl = 64 << 20

func readControl(name string, content []byte) (control, error) {
	var r io.Reader = bytes.NewReader(content)
	var err error
	switch ext := strings.TrimPrefix(name, "control.tar"); ext {
	case "":
	case ".gz":
		r, err = gzip.NewReader(r)
	case ".xz":
		r, err = xz.NewReader(r)
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxControl)); err == nil {
			defer z.Close()
			r = z
		}
	default:
		return control{}, fmt.Errorf("is a Debian package with %q, a compression that rcprov can't read", name)
	}
	if err != nil {
		return control{}, fmt.Errorf("is a broken Debian package: %s: %w", name, err)
	}
	for t := tar.NewReader(io.LimitReader(r, maxControl)); ; {
		h, err := t.Next()
		if err != nil {
			return control{}, fmt.Errorf("is a broken Debian package: %s has no file control: %w", name, err)
		}
		if path.Clean(h.Name) != "control" {
			continue
		}
		text, err := io.ReadAll(t)
		if err != nil {
			return control{}, fmt.Errorf("is a broken Debian package: %s: %w", name, err)
		}
		return parseControl(string(text))
	}
}

// parseControl reads fields of deb-control(5).
func parseControl(text string) (c control, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "package":
			c.Package = value
		case "version":
			c.Version = value
		case "architecture":
			c.Arch = value
		}
	}
	if !validName.MatchString(c.Package) || strings.Contains(c.Package, ":") || !validVersion.MatchString(c.Version) || c.Arch == "" {
		return control{}, errors.New("is a Debian package without a valid name, version and architecture")
	}
	return c, nil
}
