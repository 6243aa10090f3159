package mirror

import (
	"bytes"
	"context"
	"crypto/md5"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Jitsi is a signed flat apt repository, laid out as Jitsi's, with packages of the same names: see the package comment.
type Jitsi struct {
	JitsiRepository
	Version string // of jitsi-meet
	Refused RefusedJitsi

	// Previous are all packages in the version before, as apt-get installs them.
	Previous []string
}

// A JitsiRepository is where the packages are and which key signed them.
type JitsiRepository struct {
	URI         string // for a sources file
	Suite       string // stable/
	KeyURL      string // armored
	Fingerprint string
}

// Variable returns the value of jitsi_repository of plans/lib/sources, with the fingerprint that the plan expects.
func (r JitsiRepository) Variable(fingerprint string) string {
	return source("uri", r.URI, r.KeyURL, fingerprint)
}

// RefusedJitsi are repositories with the same packages that must be refused.
type RefusedJitsi struct {
	Other   JitsiRepository // signed by another valid key, which is at KeyURL
	Expired JitsiRepository // the key has expired
	Revoked JitsiRepository // the key was revoked
}

// jitsiVersions are the packages' versions, in the forms that Jitsi uses; the previous ones have the same content but for a plugin.
var (
	jitsiVersions         = versionsOfJitsi{"2.0.10978-1", "1.0.9396-1", "1.0-1196-1", "2.3-312-ga29d97d13-1"}
	previousJitsiVersions = versionsOfJitsi{"2.0.10741-1", "1.0.9177-1", "1.0-1172-1", "2.3-291-g7e1c3a5f0-1"}
)

type versionsOfJitsi struct{ meet, web, jicofo, videobridge string }

//go:embed jitsi jitsi.go debian.go key.go tarball.go
var jitsiFiles embed.FS

// jitsi returns the directory of all repositories and their description, with URLs below base.
func (c *cache) jitsi(ctx context.Context, base string) (string, Jitsi, error) {
	v := previousJitsiVersions
	j := Jitsi{Version: jitsiVersions.meet, Previous: []string{
		"jitsi-meet=" + v.meet, "jicofo=" + v.jicofo, "jitsi-videobridge2=" + v.videobridge, "jitsi-meet-web=" + v.web,
		"jitsi-meet-web-config=" + v.web, "jitsi-meet-prosody=" + v.web, "jitsi-meet-turnserver=" + v.web, "jitsi-meet-tokens=" + v.web,
	}}
	repositories := []struct {
		name  string
		state keyState
		at    *JitsiRepository
		key   *signingKey
	}{
		{name: "jitsi", at: &j.JitsiRepository},
		{name: "jitsi-other", at: &j.Refused.Other},
		{name: "jitsi-expired", state: keyExpired, at: &j.Refused.Expired},
		{name: "jitsi-revoked", state: keyRevoked, at: &j.Refused.Revoked},
	}
	var fingerprints []string
	for i := range repositories {
		r := &repositories[i]
		key, err := c.key(r.name, "Jitsi", r.state.config(rsaKey))
		if err != nil {
			return "", j, err
		}
		r.key = key
		*r.at = JitsiRepository{
			URI: base + "/" + r.name, Suite: "stable/", KeyURL: base + "/" + r.name + "/jitsi-key.gpg.key", Fingerprint: key.fingerprint(),
		}
		fingerprints = append(fingerprints, key.fingerprint())
	}
	dir, err := c.build(ctx, "jitsi", func(ctx context.Context, dir string) error {
		daemon, err := buildJitsiDaemon(ctx)
		if err != nil {
			return err
		}
		packages, err := jitsiPackages(daemon, jitsiVersions)
		if err != nil {
			return err
		}
		previous, err := jitsiPackages(daemon, previousJitsiVersions)
		if err != nil {
			return err
		}
		for _, p := range previous {
			if strings.HasPrefix(p.name, "ji") { // the others have one version
				packages = append(packages, p)
			}
		}
		for _, r := range repositories {
			repository := aptRepository{
				suite: r.at.Suite, architecture: "amd64", packages: packages, key: r.key,
				release: "Origin: jitsi.org\nLabel: Jitsi Debian packages repository\nSuite: stable\nCodename: stable\nArchitectures: all amd64\n",
			}
			if err := repository.write(filepath.Join(dir, r.name)); err != nil {
				return err
			}
			public, err := r.key.publicAs(r.state)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, r.name, "jitsi-key.gpg.key"), public, 0o644); err != nil {
				return err
			}
		}
		return nil
	}, jitsiFiles, fingerprints)
	return dir, j, err
}

// buildJitsiDaemon returns the program in place of jicofo and the videobridge: the file RCPROV_JITSI_DAEMON, which make
// built without sudo, or one that it builds itself.
func buildJitsiDaemon(ctx context.Context) ([]byte, error) {
	if program := os.Getenv("RCPROV_JITSI_DAEMON"); program != "" {
		return os.ReadFile(program)
	}
	dir, err := os.MkdirTemp("", "rcprov-mirror-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // temporary anyway
	program := filepath.Join(dir, "daemon")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/rcprov/rcprov/e2e/mirror/jitsi/daemon")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the stand-in for Jitsi's services: %w\n%s", err, out)
	}
	return os.ReadFile(program)
}

// jitsiPackages returns Jitsi's packages, and empty ones in place of three large ones of Debian's, with higher versions.
// As in Debian, each Java runtime fits one release only.
func jitsiPackages(daemon []byte, v versionsOfJitsi) ([]debianPackage, error) {
	const java = "openjdk-17-jre-headless | openjdk-17-jre | openjdk-21-jre-headless | openjdk-21-jre"
	plugin := "-- Of Jitsi " + v.meet + ".\n"
	packages := []debianPackage{
		{
			name: "jitsi-meet", version: v.meet,
			preDepends: exactly(v.videobridge, "jitsi-videobridge2"),
			depends:    exactly(v.jicofo, "jicofo") + ", " + exactly(v.web, "jitsi-meet-web", "jitsi-meet-web-config", "jitsi-meet-prosody"),
			recommends: exactly(v.web, "jitsi-meet-turnserver"),
		},
		{
			name: "jitsi-videobridge2", version: v.videobridge, architecture: "amd64",
			preDepends: java + ", libssl3 | libssl1.1", depends: "debconf (>= 0.5), procps, uuid-runtime, ruby-hocon",
			files: []debianFile{{"/usr/share/jitsi-videobridge/java", 0o755, daemon}},
		},
		{
			name: "jicofo", version: v.jicofo, architecture: "amd64",
			depends: "debconf (>= 0.5), " + java + ", ruby-hocon, jq, procps",
			files:   []debianFile{{"/usr/share/jicofo/java", 0o755, daemon}},
		},
		{name: "jitsi-meet-web", version: v.web},
		{
			name: "jitsi-meet-web-config", version: v.web,
			preDepends: "nginx | nginx-full | nginx-extras | openresty | apache2", depends: "debconf (>= 0.5), openssl, curl",
		},
		{
			name: "jitsi-meet-prosody", version: v.web,
			depends: "debconf (>= 0.5), openssl, prosody (>= 0.12.0) | prosody-13.0, ca-certificates-java, " +
				"lua-sec, lua-basexx, lua-luaossl, lua-cjson, lua-inspect",
			files: []debianFile{{"/usr/share/jitsi-meet/prosody-plugins/mod_jitsi_version.lua", 0o644, []byte(plugin)}},
		},
		{
			name: "jitsi-meet-turnserver", version: v.web,
			preDepends: "jitsi-meet-web-config", depends: "debconf (>= 0.5), coturn, dnsutils",
		},
		{name: "jitsi-meet-tokens", version: v.web, depends: "debconf (>= 0.5), prosody (>= 0.12.0) | prosody-13.0, jitsi-meet-prosody"},
		{name: "openjdk-17-jre-headless", version: "17.0.99+lab-1", depends: "libc6 (<< 2.38), ca-certificates-java"},
		{name: "openjdk-21-jre-headless", version: "21.0.99+lab-1", depends: "libc6 (>= 2.38), ca-certificates-java"},
		{name: "ca-certificates-java", version: "29991231+lab", depends: "ca-certificates"},
	}
	for i := range packages {
		p := &packages[i]
		if p.architecture == "" {
			p.architecture = "all"
		}
		p.section = "net"
		p.description = "stand-in of the rcprov lab for the package of this name"
		if err := p.addTree(jitsiFiles, path.Join("jitsi", p.name)); err != nil {
			return nil, fmt.Errorf("package %s: %w", p.name, err)
		}
		var sums strings.Builder // as dh_md5sums(1) adds them
		for _, f := range p.files {
			if !slices.Contains(p.conffiles, f.path) {
				fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(f.content), strings.TrimPrefix(f.path, "/"))
			}
		}
		p.metadata["md5sums"] = sums.String()
	}
	return packages, nil
}

// exactly returns dependencies on one version of each package.
func exactly(version string, names ...string) string {
	relations := make([]string, len(names))
	for i, name := range names {
		relations[i] = name + " (= " + version + ")"
	}
	return strings.Join(relations, ", ")
}

// addTree adds the files below dir, if it exists, laid out as for dpkg-deb(1): control files in DEBIAN, all others by their
// paths on the host. Files that start with #! are programs, files in /etc are configuration.
func (p *debianPackage) addTree(tree fs.FS, dir string) error {
	p.scripts, p.metadata = map[string]string{}, map[string]string{}
	err := fs.WalkDir(tree, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(content, []byte("#!")) {
			mode = 0o755
		}
		place := strings.TrimPrefix(name, dir)
		control, isControl := strings.CutPrefix(place, "/DEBIAN/")
		switch {
		case isControl && mode == 0o755:
			p.scripts[control] = string(content)
		case isControl:
			p.metadata[control] = string(content)
		default:
			p.files = append(p.files, debianFile{place, mode, content})
			if strings.HasPrefix(place, "/etc/") {
				p.conffiles = append(p.conffiles, place)
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
