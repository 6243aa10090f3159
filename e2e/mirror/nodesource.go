package mirror

import (
	"context"
	"embed"
	"os"
	"path/filepath"
)

// NodeSource is deb.nodesource.com with the package nodejs for amd64. Its programs are scripts that print their version: it
// tests the repository, not Node.js.
type NodeSource struct {
	URL         string // in place of https://deb.nodesource.com: the repositories are node_MAJOR.x
	KeyURL      string
	Fingerprint string
	Versions    []string // of Node.js, in ascending order, all of one major
}

//go:embed nodesource.go debian.go tarball.go
var nodeSourceFiles embed.FS

// nodeSource returns the directory of the repository and its description, with URLs below base.
func (c *cache) nodeSource(ctx context.Context, base string) (string, NodeSource, error) {
	n := NodeSource{URL: base, KeyURL: base + "/gpgkey/nodesource-repo.gpg.key", Versions: []string{"22.16.0", "22.22.3"}}
	key, err := c.key("nodesource", "NodeSource", rsaKey)
	if err != nil {
		return "", n, err
	}
	n.Fingerprint = key.fingerprint()
	dir, err := c.build(ctx, "nodesource", func(_ context.Context, dir string) error {
		public, err := key.public()
		if err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(dir, "gpgkey"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "gpgkey", "nodesource-repo.gpg.key"), public, 0o644); err != nil {
			return err
		}
		repository := aptRepository{
			suite: "nodistro", component: "main", architecture: "amd64", key: key,
			release: "Origin: . nodistro\nLabel: . nodistro\nSuite: nodistro\nCodename: nodistro\nArchitectures: amd64\nComponents: main\n",
		}
		for _, version := range n.Versions {
			repository.packages = append(repository.packages, debianPackage{
				name: "nodejs", version: version + "-1nodesource1", architecture: "amd64", section: "web",
				description: "stand-in of the rcprov lab for NodeSource's package of this name",
				files: []debianFile{
					{"/usr/bin/node", 0o755, []byte("#!/bin/sh\necho v" + version + "\n")},
					{"/usr/bin/npm", 0o755, []byte("#!/bin/sh\necho the lab has no npm of NodeSource >&2\nexit 1\n")},
				},
			})
		}
		return repository.write(filepath.Join(dir, "node_22.x"))
	}, nodeSourceFiles, n.Fingerprint)
	return dir, n, err
}
