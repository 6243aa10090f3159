package jitsi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/debconf"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/link"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/product/nginx"
	"github.com/rcprov/rcprov/modules/product/nginxsite"
)

// Jitsi's packages. All are named, so that all are held, and a removed one is installed again.
var (
	packages = []string{
		"jicofo", "jitsi-videobridge2", "jitsi-meet-web", "jitsi-meet-web-config", "jitsi-meet-prosody", "jitsi-meet",
	}
	optionalPackages = []string{tokensPackage, turnPackage}
)

const (
	prosodyPackage = "jitsi-meet-prosody"
	webPackage     = "jitsi-meet-web-config"
	tokensPackage  = "jitsi-meet-tokens"
	turnPackage    = "jitsi-meet-turnserver"

	bridgeConf = "/etc/jitsi/videobridge/jvb.conf"
	focusConf  = "/etc/jitsi/jicofo/jicofo.conf"
	turnConf   = "/etc/turnserver.conf"

	prosodyUnit = "prosody.service"
	bridgeUnit  = "jitsi-videobridge2.service"
	focusUnit   = "jicofo.service"
	turnUnit    = "coturn.service"
)

// builder makes the parts of one host.
type builder struct {
	*product.Builder
	args Args
	port int // of the bridge, for media
}

func (b *builder) build() {
	b.repositories()
	b.answers()
	b.packages()
	b.prosody()
	b.daemons()
	if b.args.TURNSecret != "" {
		b.turn()
	} else {
		b.Add("no-turn", &NoTURN{})
	}
	b.site()
	b.checks()
	b.require()
}

// answers adds the answers to the questions of Jitsi's packages. */jvb-hostname of other packages than the bridge's are not
// asked: in them a package remembers its domain, and one that is preset makes it believe that it is configured already. The
// secret of TURN is left to the package, which invents one that nothing uses: everybody can read answers of its type.
//
// The script of jitsi-meet-prosody gives the passwords of both accounts to `prosodyctl register` as arguments, which every user
// of the host can read. So debconf gets random ones; [Account] sets the plan's passwords afterwards, by standard input, and
// rcprov writes the files in which bridge and focus read theirs.
func (b *builder) answers() {
	answers := func(name, owner string, list ...debconf.Answer) {
		b.Add(name, &debconf.Step{Package: owner, Answers: list})
	}
	answers("answers-bridge", "jitsi-videobridge2",
		debconf.Answer{Question: "jitsi-videobridge/jvb-hostname", Type: "string", Value: b.args.Domain})
	password := func(name, owner, question string, secret modules.Secret) {
		b.Add(name, &debconf.Step{
			Package: owner, Answers: []debconf.Answer{{Question: question, Type: "password", Value: rand.Text()}},
			Keep: func(stored string) bool { return stored != "" && stored != string(secret) },
		})
	}
	password("first-password-bridge", "jitsi-videobridge2", "jitsi-videobridge/jvbsecret", b.args.BridgeSecret)
	password("first-password-focus", prosodyPackage, "jicofo/jicofo-authpassword", b.args.FocusSecret)
	// With any other text the package makes a certificate of its own, or runs a script from the Internet.
	answers("answers-web", webPackage,
		debconf.Answer{Question: "jitsi-meet/cert-choice", Type: "select", Value: "I want to use my own certificate"},
		debconf.Answer{Question: "jitsi-meet/cert-path-key", Type: "string", Value: b.args.Key},
		debconf.Answer{Question: "jitsi-meet/cert-path-crt", Type: "string", Value: b.args.Certificate},
		debconf.Answer{Question: "jitsi-meet/email", Type: "string", Value: ""},
		debconf.Answer{Question: "jitsi-meet/jaas-choice", Type: "boolean", Value: "false"})
	if b.args.TokenAppID != "" {
		answers("answers-tokens", tokensPackage,
			debconf.Answer{Question: "jitsi-meet-tokens/appid", Type: "string", Value: b.args.TokenAppID},
			debconf.Answer{Question: "jitsi-meet-tokens/appsecret", Type: "password", Value: string(b.args.TokenSecret)})
	}
}

func (b *builder) packages() {
	b.Add("certificate", &Certificate{Path: b.args.Certificate, Key: b.args.Key})
	b.aptPackages("java", aptpackage.Args{Packages: []string{b.java()}})
	if b.args.TokenAppID != "" {
		b.lua()
	}
	names := slices.Clone(packages)
	if b.args.TokenAppID != "" {
		names = append(names, tokensPackage)
	}
	if b.args.TURNSecret != "" {
		names = append(names, turnPackage) // and coturn with it, which is the distribution's and not held
	}
	for i, name := range names {
		if version := b.args.Versions[name]; version != "" {
			names[i] += "=" + version
		}
	}
	b.Add("remembered-domain", &Remembered{Domain: b.args.Domain})
	b.Add("prosody-guard", &Guard{Tokens: b.args.TokenAppID != ""})
	held := b.args.Held
	b.aptPackages("packages", aptpackage.Args{Packages: names, Held: &held})
	if b.args.TokenAppID == "" { // otherwise its next upgrade would require tokens again
		b.aptPackages("no-tokens", aptpackage.Args{Packages: []string{tokensPackage}, State: "absent"})
	}
	if b.args.TURNSecret == "" { // otherwise its next upgrade would set up coturn again
		b.aptPackages("no-turnserver", aptpackage.Args{Packages: []string{turnPackage}, State: "absent"})
	}
}

func (b *builder) aptPackages(name string, args aptpackage.Args) {
	product.Add(b.Builder, name, aptpackage.New, args)
}

// lua links two modules for Lua 5.4, with which Debian's prosody 0.12 and 13 run: their packages have them only for older
// versions of Lua, and without them a prosody that requires tokens lets nobody in (seen on Debian 12 and 13).
func (b *builder) lua() {
	const dir = "/usr/local/share/lua/5.4"
	b.Add("lua", &directory.Step{Path: dir, Mode: 0o755, Owner: "root", Group: "root"})
	for _, l := range []struct{ name, target string }{
		{"basexx", "/usr/share/lua/5.2/basexx.lua"},
		{"inspect", "/usr/share/lua/5.3/inspect.lua"},
	} {
		b.Add("lua-"+l.name, &link.Step{Path: dir + "/" + l.name + ".lua", Target: l.target})
	}
}

// prosody adds the parts for the XMPP server: first the configuration as Jitsi's package writes it, then rcprov's lines in it.
func (b *builder) prosody() {
	domain := b.args.Domain
	conf := prosodyConf(domain)
	b.Add("previous-domain", &PreviousDomain{Domain: domain})
	b.Add("prosody", &Prosody{Domain: domain, Guarded: b.args.TokenAppID != ""})
	b.Add("prosody-link", &link.Step{Path: prosodyLink(domain), Target: conf})
	b.Add("prosody-certificates", &CertificateLinks{Domain: domain})
	b.Add("prosody-settings", &Settings{Path: conf, Wanted: wantedSettings(b.args)})
	b.Add("prosody-access", &file.Step{Path: conf, Mode: 0o640, Owner: "root", Group: "prosody"})
	b.Add("account-focus", &Account{User: focusUser, Domain: domain, Secret: b.args.FocusSecret})
	b.Add("account-bridge", &Account{User: bridgeUser, Domain: domain, Secret: b.args.BridgeSecret})
	b.Add("roster", &Roster{Domain: domain})
	// The links as well: a prosody that was started without them does not have the domain, or no certificate.
	watched := []string{
		conf, prosodyLink(domain), "/etc/prosody/prosody.cfg.lua", prosodyCertificate(domain), prosodyCertificate("auth." + domain),
		pluginSums(prosodyPackage),
	}
	for _, l := range certificateLinks(domain) {
		watched = append(watched, l.Path)
	}
	if b.args.TokenAppID != "" {
		watched = append(watched, "/usr/local/share/lua/5.4/basexx.lua", "/usr/local/share/lua/5.4/inspect.lua", pluginSums(tokensPackage))
	}
	b.unit("prosody-service", systemdunit.Args{Name: prosodyUnit, RestartOn: watched}, true)
}

// pluginSums is the file in which dpkg has the checksums of a package's files. It stands for the plugins of prosody among them, which
// an upgrade replaces without a restart: the package's script restarts prosody only when it changes the configuration.
func pluginSums(name string) string { return "/var/lib/dpkg/info/" + name + ".md5sums" }

// unit adds the service of a package, which is restarted when its files change.
func (b *builder) unit(part string, args systemdunit.Args, enabled bool) {
	yes := true
	args.Running = &yes
	if enabled {
		args.Enabled = &yes
	}
	product.Add(b.Builder, part, systemdunit.New, args)
}

// focusDropIn turns jicofo's init script into a service whose state systemd knows, and for whose end it waits at a restart.
const focusDropIn = `# Written by rcprov.
[Service]
PIDFile=/run/jicofo.pid
RemainAfterExit=no
KillMode=control-group
SuccessExitStatus=143
Restart=on-failure
RestartSec=2
`

func (b *builder) daemons() {
	domain := b.args.Domain
	// Bridge and focus verify prosody by its certificate in Java's trust store, which they read only when they start.
	trusted := prosodyCertificate("auth." + domain)
	b.conf("bridge-conf", "jitsi-videobridge2", bridgeConf, "jvb", "jitsi", "jvb.conf", map[string]any{
		"Domain": domain, "Secret": string(b.args.BridgeSecret), "Nickname": "jvb-" + b.Env.Host,
		"Port": b.port, "STUN": b.args.STUNServer, "Private": b.args.NATPrivate, "Public": b.args.NATPublic, "Extra": lines(b.args.BridgeSettings),
	})
	b.conf("focus-conf", "jicofo", focusConf, "jicofo", "jitsi", "jicofo.conf", map[string]any{
		"Domain": domain, "Secret": string(b.args.FocusSecret), "Extra": lines(b.args.FocusSettings),
	})
	b.unit("bridge-service", systemdunit.Args{
		Name: bridgeUnit, RestartOn: []string{bridgeConf, "/etc/jitsi/videobridge/config", trusted},
	}, true)
	// systemd can't enable the unit of an init script; Jitsi's package does it, or FocusScript.
	b.Add("focus-script", &FocusScript{})
	b.unit("focus-service", systemdunit.Args{
		Name: focusUnit, DropIns: map[string]string{"rcprov.conf": focusDropIn},
		RestartOn: []string{focusConf, "/etc/jitsi/jicofo/config", trusted},
	}, false)
}

// turn adds coturn with the site's certificate. Only root can read its key: systemd passes it to coturn.
func (b *builder) turn() {
	// The package remembers its name: with another one, its next upgrade would write its configuration again.
	b.Add("turn-answers", &debconf.Step{Package: turnPackage, Answers: []debconf.Answer{
		{Question: "jitsi-meet-turnserver/jvb-hostname", Type: "string", Value: b.args.Domain},
	}})
	b.conf("turn-conf", "coturn", turnConf, "root", "turnserver", "turnserver.conf", map[string]any{
		"Domain": b.args.Domain, "Secret": string(b.args.TURNSecret), "Private": b.args.NATPrivate, "Public": b.args.NATPublic,
		"Credentials": "/run/credentials/" + turnUnit,
	})
	dropIn := "# Written by rcprov.\n[Service]\nLoadCredential=fullchain.pem:" + b.args.Certificate + "\nLoadCredential=privkey.pem:" + b.args.Key + "\n"
	b.unit("turn-service", systemdunit.Args{
		Name: turnUnit, DropIns: map[string]string{"rcprov.conf": dropIn},
		RestartOn: []string{turnConf, b.args.Certificate, b.args.Key},
	}, true)
}

// conf adds a file with secrets, from a template of the binary.
func (b *builder) conf(part, pkg, path, owner, group, name string, values map[string]any) {
	content, err := render(b.Env, name, values)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", part, err))
	}
	b.Add(part, conf{&file.Step{
		Path: path, Content: []byte(content), Mode: 0o640, Owner: owner, Group: group, Sensitive: true,
	}, pkg})
}

// conf is a file in the directory of a package, which has more files there than the one that rcprov writes.
type conf struct {
	*file.Step
	pkg string
}

// Apply implements [modules.Step].
func (c conf) Apply(ctx context.Context, h modules.Host, change modules.Change) error {
	if err := c.Step.Apply(ctx, h, change); err != nil {
		return c.explain(err)
	}
	return nil
}

// Script implements [modules.Scripted].
func (c conf) Script(change modules.Change) (modules.Script, bool) {
	s, ok := c.Step.Script(change)
	return s.Then(c.explain), ok
}

// explain says what is missing when the directory is.
func (c conf) explain(err error) error {
	var failed *modules.CommandError
	if errors.As(err, &failed) && strings.Contains(string(failed.Result.Stderr), "No such file or directory") {
		return modules.WithHint(fmt.Errorf("write %s: %w", c.Path, failed), "%s is missing, with the files that the package %s had in it. `apt-get install --reinstall "+
			"-o Dpkg::Options::=--force-confmiss %[2]s` on the host restores them; then run the same command again.", path.Dir(c.Path), c.pkg)
	}
	return err
}

func render(env modules.Env, name string, values any) (string, error) {
	t, err := template.ParseFS(env.Templates, "jitsi/"+name+".tmpl")
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Option("missingkey=error").Execute(&text, values)
	return text.String(), err
}

// lines returns the lines of a text that are not blank.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func (b *builder) site() {
	site := &Site{Domain: b.args.Domain, Certificate: b.args.Certificate, Key: b.args.Key, Webroot: b.args.Webroot}
	b.Add("site", site)
	b.Add("site-link", &link.Step{Path: site.link(), Target: site.path()})
	b.Add("site-service", nginx.Service(site.path(), site.link(), b.args.Certificate, b.args.Key))
	b.Add("served", &nginxsite.Served{
		Names: []string{b.args.Domain}, Addresses: nginxsite.Addresses(b.Env.Facts, true), Certificate: b.args.Certificate, Plain: true,
	})
}
