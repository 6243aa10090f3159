package jitsi

import (
	"net/url"
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/aptrepository"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// Jitsi's key of April 2021, which does not expire. Jitsi publishes no fingerprint (seen in two public installations of 2026).
const jitsiFingerprint = "FFD65A0DA2BEBDEB73D44C8BB4D2D216F1FD7806"

// prosodyFingerprints are those of the key of 2025 and of the previous one, which is in the same file.
var prosodyFingerprints = []string{"AD3B912769C5F962DCBA7956F7A37EB33D0B25D7", "107D65A0A148C237FDF00AB47393D7E674D9DBB5"}

// release is what a distribution's release has for Jitsi (package indexes, November 2026).
type release struct {
	java       string
	oldProsody bool // older than 0.12, which Jitsi requires since 2025
}

const (
	java17 = "openjdk-17-jre-headless"
	java21 = "openjdk-21-jre-headless"
)

var releases = map[string]release{
	"jammy":    {java: java17, oldProsody: true},
	"bookworm": {java: java17},
	"noble":    {java: java17},
	"trixie":   {java: java21},
	"resolute": {java: java17},
}

// supported are the releases above, for preflight.
var supported = map[string][]string{"debian": {"bookworm", "trixie"}, "ubuntu": {"jammy", "noble", "resolute"}}

// releaseOf returns what the host's release has; for an unknown one, what a newer one most likely has.
func releaseOf(facts *observe.Facts) release {
	if facts != nil {
		if known, ok := releases[facts.OS.Codename]; ok {
			return known
		}
	}
	return release{java: java21}
}

func (b *builder) java() string {
	if b.args.JavaPackage != "" {
		return b.args.JavaPackage
	}
	return releaseOf(b.Env.Facts).java
}

func (b *builder) repositories() {
	product.Add(b.Builder, "repository", aptrepository.New, aptrepository.Args{
		Name: "jitsi", URIs: []string{b.args.RepositoryURI}, Suites: []string{b.args.RepositorySuite},
		KeyURL: b.args.KeyURL, Fingerprints: otherwise(b.args.Fingerprints, jitsiFingerprint),
	})
	if p := b.args.ProsodyRepository; p != nil || releaseOf(b.Env.Facts).oldProsody {
		b.prosodyRepository(p)
	}
}

func otherwise(given []string, defaults ...string) []string {
	if len(given) > 0 {
		return given
	}
	return defaults
}

// prosodyRepository adds Prosody's repository, from which apt may install only prosody and Lua.
func (b *builder) prosodyRepository(p *ProsodyRepository) {
	if p == nil {
		p = &ProsodyRepository{}
		modules.Defaults(p)
	}
	codename := "jammy" // while a plan is only checked
	if b.Env.Facts != nil {
		codename = b.Env.Facts.OS.Codename
	}
	u, err := url.Parse(p.URI)
	if err != nil || u.Hostname() == "" {
		b.Fail(modules.Argf("prosody_repository.uri", "must be a URI such as \"https://packages.prosody.im/debian\", not %q", p.URI))
		return
	}
	pin := "# Written by rcprov: of this repository, only prosody and Lua.\n" +
		"Package: *\nPin: origin " + u.Hostname() + "\nPin-Priority: 100\n\n" +
		"Package: prosody* lua* liblua*\nPin: origin " + u.Hostname() + "\nPin-Priority: 600\n"
	b.Add("prosody-pin", &file.Step{
		Path: "/etc/apt/preferences.d/rcprov-prosody.pref", Content: []byte(pin), Mode: 0o644, Owner: "root", Group: "root",
	})
	product.Add(b.Builder, "prosody-repository", aptrepository.New, aptrepository.Args{
		Name: "prosody", URIs: []string{p.URI}, Suites: []string{codename}, Components: []string{"main"},
		KeyURL: p.KeyURL, Fingerprints: otherwise(p.Fingerprints, slices.Clone(prosodyFingerprints)...),
	})
}
