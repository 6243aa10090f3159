package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// RocketChat is releases.rocket.chat with releases of a stand-in for Rocket.Chat: see the package comment.
type RocketChat struct {
	URL         string // in place of https://releases.rocket.chat: has VERSION/download, VERSION/asc, VERSION/info
	KeyURL      string
	Fingerprint string
	Versions    []string // those that work, in ascending order
	Broken      BrokenRocketChat
}

// SHA256 returns the SHA-256 of a version's tarball, hexadecimal. It downloads the tarball.
func (r RocketChat) SHA256(version string) (string, error) {
	response, err := http.Get(r.URL + "/" + version + "/download")
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // read only
	sum := sha256.New()
	if _, err := io.Copy(sum, response.Body); err != nil || response.StatusCode != http.StatusOK {
		return "", errors.Join(fmt.Errorf("download %s: %s", version, response.Status), err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// BrokenRocketChat are versions that are newer than the others, each broken in one way.
type BrokenRocketChat struct {
	Install   string // npm install fails
	Native    string // the native module sharp doesn't load after npm install, as in RocketChat/Rocket.Chat#37705
	Start     string // the server ends at its start
	Ready     string // the server runs, but its health endpoint reports that it is not ready
	Signature string // the signature is of something else
}

// A rocketChatRelease is what differs between releases. Versions of Node are those of nodeReleases. Releases from 8.0 on
// accept MongoDB 7.0, the newest that the lab has; the originals don't.
type rocketChatRelease struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Probes  bool   `json:"probes"` // has /livez and /readyz

	// The release migrates databases from the oldest of these versions to the other.
	OldestDatabaseVersion int `json:"oldestDatabaseVersion"`
	DatabaseVersion       int `json:"databaseVersion"`

	OldestMongo int    `json:"oldestMongo"` // major version
	Fault       string `json:"fault"`       // see BrokenRocketChat

	// Deno is the version that runs apps. If it is empty, the bundle has no rocketchat-apps.
	Deno string `json:"deno"`

	// Major versions of Node that fit beside the one in .node_version.txt.
	OtherNodeMajors []int `json:"otherNodeMajors"`

	nodeVersion string // in /info: a version, since 8.9 a range
	builtWith   string // version of Node in .node_version.txt
	mongo       []string
}

var rocketChatReleases = []rocketChatRelease{
	{
		Version: "7.10.0", OldestDatabaseVersion: 300, DatabaseVersion: 319, OldestMongo: 5,
		nodeVersion: "22.16.0", builtWith: "22.16.0", Deno: denoVersion, mongo: []string{"5.0", "6.0", "7.0"},
	},
	{
		Version: "7.13.9", Probes: true, OldestDatabaseVersion: 300, DatabaseVersion: 324, OldestMongo: 5,
		nodeVersion: "22.16.0", builtWith: "22.16.0", Deno: denoVersion, mongo: []string{"5.0", "6.0", "7.0", "8.0"},
	},
	{
		Version: "8.7.1", Probes: true, OldestDatabaseVersion: 324, DatabaseVersion: 336, OldestMongo: 7,
		nodeVersion: "22.22.3", builtWith: "22.22.3", Deno: denoVersion, mongo: []string{"7.0", "8.0"},
	},
	{
		Version: "8.8.1", Probes: true, OldestDatabaseVersion: 324, DatabaseVersion: 337, OldestMongo: 7,
		nodeVersion: "22.22.3", builtWith: "22.22.3", mongo: []string{"7.0", "8.0"},
	},
	rocketChat9("9.0.0", ""),
	rocketChat9("9.1.0", ""),
	rocketChat9(broken.Install, "install"),
	rocketChat9(broken.Native, "native"),
	rocketChat9(broken.Start, "start"),
	rocketChat9(broken.Ready, "ready"),
	rocketChat9(broken.Signature, "signature"),
}

var broken = BrokenRocketChat{Install: "9.2.1", Native: "9.2.2", Start: "9.2.3", Ready: "9.2.4", Signature: "9.2.5"}

// rocketChat9 is a release of the newest line.
func rocketChat9(version, fault string) rocketChatRelease {
	return rocketChatRelease{
		Version: version, Probes: true, OldestDatabaseVersion: 337, DatabaseVersion: 341, OldestMongo: 7, Fault: fault,
		OtherNodeMajors: []int{24},
		nodeVersion:     ">=22.22.3 <23 || >=24.15.0 <25", builtWith: "22.22.3", mongo: []string{"7.0", "8.0"},
	}
}

// faultScripts are the scripts of package.json that cause two of the faults.
var faultScripts = map[string]map[string]string{
	"install": {"install": `node -e "console.error('gyp ERR! build error\ngyp ERR! stack Error: make failed with exit code: 2'); process.exit(1)"`},
	"native":  {"install": "rm -r node_modules/@img"},
}

//go:embed rocketchat rocketchat-apps rocketchat.go tarball.go
var rocketChatFiles embed.FS

// rocketChat returns the directory of all releases and their description, with URLs below base.
func (c *cache) rocketChat(ctx context.Context, base string) (string, RocketChat, error) {
	r := RocketChat{URL: base, KeyURL: base + "/buildmaster.asc", Broken: broken}
	for _, release := range rocketChatReleases {
		if release.Fault == "" {
			r.Versions = append(r.Versions, release.Version)
		}
	}
	key, err := c.key("rocketchat", "Rocket.Chat Buildmaster", rsaKey)
	if err != nil {
		return "", r, err
	}
	r.Fingerprint = key.fingerprint()
	dir, err := c.build(ctx, "rocketchat", func(_ context.Context, dir string) error {
		public, err := key.public()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "buildmaster.asc"), public, 0o644); err != nil {
			return err
		}
		for _, release := range rocketChatReleases {
			if err := release.write(filepath.Join(dir, release.Version), key); err != nil {
				return fmt.Errorf("version %s: %w", release.Version, err)
			}
		}
		return nil
	}, rocketChatFiles, r.Fingerprint)
	return dir, r, err
}

// write writes the files of a release into dir.
func (r rocketChatRelease) write(dir string, key *signingKey) error {
	r.Commit = strings.Repeat("c0ffee", 7)[:40]
	r.OtherNodeMajors = append([]int{}, r.OtherNodeMajors...) // an empty array in JSON, not null
	bundle, err := r.bundle()
	if err != nil {
		return err
	}
	signed := bundle
	if r.Fault == "signature" {
		signed = []byte("something else")
	}
	signature, err := key.detached(signed)
	if err != nil {
		return err
	}
	info := map[string]any{
		"tag": r.Version, "commit": r.Commit, "key": r.Version + "/" + r.archive(), "etag": `"lab"`, "count": 1,
		"nodeVersion": r.nodeVersion, "compatibleMongoVersions": r.mongo,
	}
	if r.Deno != "" {
		info["denoVersion"] = r.Deno
	}
	infoJSON, err := json.Marshal(info)
	if err != nil {
		return err
	}
	return errors.Join(
		os.Mkdir(dir, 0o755),
		os.WriteFile(filepath.Join(dir, r.archive()), bundle, 0o644),
		os.WriteFile(filepath.Join(dir, "asc"), signature, 0o644),
		os.WriteFile(filepath.Join(dir, "info"), infoJSON, 0o644))
}

func (r rocketChatRelease) archive() string { return "rocket.chat-" + r.Version + ".tgz" }

// bundle returns the tarball: the files of rocketchat/, and the ones that differ between releases.
func (r rocketChatRelease) bundle() ([]byte, error) {
	var out bytes.Buffer
	w := newTarballWriter(&out)
	w.owner = 1001 // the vendor's build machine; see writeNode
	add := func(name string, content []byte) error {
		return w.file(path.Join("bundle", name), 0o644, int64(len(content)), bytes.NewReader(content))
	}
	scripts := faultScripts[r.Fault]
	addFiles := func(from, to string) error {
		return fs.WalkDir(rocketChatFiles, from, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(rocketChatFiles, name)
			if err == nil && name == "rocketchat/programs/server/package.json" {
				content, err = withScripts(content, scripts)
			}
			if err != nil {
				return err
			}
			return add(path.Join(to, strings.TrimPrefix(name, from+"/")), content)
		})
	}
	if r.Deno != "" {
		const engine = "npm/node_modules/@rocket.chat/apps-engine"
		scripts = map[string]string{"install": "node " + engine + "/prepare.js"}
		if err := addFiles("rocketchat-apps", "programs/server/"+engine); err != nil {
			return nil, err
		}
	}
	if err := addFiles("rocketchat", ""); err != nil {
		return nil, err
	}
	release, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	star, err := json.MarshalIndent(map[string]string{"format": "site-archive-pre1", "nodeVersion": r.builtWith}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		add("programs/server/release.json", release),
		add("star.json", star),
		add(".node_version.txt", []byte("v"+r.builtWith+"\n")),
		w.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// withScripts adds scripts to a package.json.
func withScripts(packageJSON []byte, scripts map[string]string) ([]byte, error) {
	if scripts == nil {
		return packageJSON, nil
	}
	var fields map[string]any
	if err := json.Unmarshal(packageJSON, &fields); err != nil {
		return nil, err
	}
	fields["scripts"] = scripts
	return json.MarshalIndent(fields, "", "  ")
}

// serveRocketChat serves the directory; the download is a redirect, as at the vendor's.
func serveRocketChat(dir, base string) http.Handler {
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if version, ok := strings.CutSuffix(r.URL.Path, "/download"); ok {
			archive := rocketChatRelease{Version: path.Base(version)}.archive()
			http.Redirect(w, r, base+version+"/"+archive, http.StatusFound)
			return
		}
		files.ServeHTTP(w, r)
	})
}
