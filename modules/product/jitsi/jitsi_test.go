package jitsi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/debconf"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/product/nginx"
	"github.com/rcprov/rcprov/templates"
)

var update = flag.Bool("update", false, "write testdata anew")

func env(codename string) modules.Env {
	return modules.Env{
		Host: "meet", Sensitive: func(string) bool { return false }, Templates: templates.FS,
		Facts: &observe.Facts{OS: observe.OS{ID: "debian", Codename: codename}},
	}
}

// good are arguments as a plan has them: with the defaults.
func good() Args {
	args := Args{
		Domain: "meet.example.com", Certificate: "/etc/tls/fullchain.pem", Key: "/etc/tls/privkey.pem",
		BridgeSecret: "bridge-secret", FocusSecret: "focus-secret", Held: true,
	}
	modules.Defaults(&args)
	return args
}

func all() Args {
	a := good()
	a.TokenAppID, a.TokenSecret, a.TURNSecret = "chat", "token-secret", "turn-secret-"
	a.NATPrivate, a.NATPublic, a.MediaPorts, a.STUNServer = "10.0.0.5", "203.0.113.7", "10000:20000", "stun.example.com:3478"
	a.BridgeSettings, a.FocusSettings = "videobridge.cc.trust-bwe = false\n", "jicofo.conference.max-ssrcs-per-user = 20"
	return a
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	const secret = `must be at least 12 letters, digits, "-", "_", ".", "~", "+" and "="`
	for name, test := range map[string]struct {
		change func(*Args)
		err    string
	}{
		"address for a domain": {func(a *Args) { a.Domain = "203.0.113.7" }, `domain: must be a lowercase host name such as "meet.example.com", not "203.0.113.7"`},
		"one label":            {func(a *Args) { a.Domain = "meet" }, `domain: must be a lowercase host name such as "meet.example.com", not "meet"`},
		"quote in a domain":    {func(a *Args) { a.Domain = "a'b.example.com" }, `domain: must be a lowercase host name such as "meet.example.com", not "a'b.example.com"`},
		"short secret":         {func(a *Args) { a.BridgeSecret = "short" }, "bridge_secret: " + secret},
		"secret for sed":       {func(a *Args) { a.FocusSecret = "0123456789/&" }, "focus_secret: " + secret},
		"token without secret": {func(a *Args) { a.TokenAppID = "chat" }, "token_secret: " + secret},
		"secret without token": {func(a *Args) { a.TokenSecret = "0123456789abcd" }, `token_app_id: must be of letters, digits, "_", "-" and ".", not ""`},
		"half of nat":          {func(a *Args) { a.NATPublic = "203.0.113.7" }, `nat_private: must be an IP address, not ""; give nat_private and nat_public together`},
		"ports":                {func(a *Args) { a.MediaPorts = "20000:10000" }, `media_ports: must be a port such as "10000", or a range such as "10000:20000", not "20000:10000"`},
		"versions":             {func(a *Args) { a.Versions = map[string]string{"nginx": "1"} }, `versions: "nginx" is not one of Jitsi's packages: jicofo, jitsi-videobridge2, jitsi-meet-web, jitsi-meet-web-config, jitsi-meet-prosody, jitsi-meet, jitsi-meet-tokens, jitsi-meet-turnserver`},
		"key":                  {func(a *Args) { a.Key = "privkey.pem" }, `key: must be an absolute path, not "privkey.pem"`},
		"stun port":            {func(a *Args) { a.STUNServer = "stun.example.com:0" }, `stun_server: must be HOST:PORT, not "stun.example.com:0"`},
		"stun":                 {func(a *Args) { a.STUNServer = "stun" }, `stun_server: must be HOST:PORT, not "stun"`},
		"fingerprint":          {func(a *Args) { a.Fingerprints = []string{"B4D2D216F1FD7806"} }, `repository: fingerprints: must be 40 (or 64) hexadecimal digits each, not "B4D2D216F1FD7806"`},
	} {
		args := good()
		test.change(&args)
		_, _, err := New(args, env("bookworm"))
		if moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", name, moduletest.ErrorText(err), test.err)
		}
		if err != nil && strings.Contains(err.Error(), "0123456789") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
}

func names(parts []modules.Part) string {
	var all []string
	for _, p := range parts {
		all = append(all, p.Name)
	}
	return strings.Join(all, " ")
}

func TestParts(t *testing.T) {
	t.Parallel()
	const (
		answers  = "answers-bridge first-password-bridge first-password-focus answers-web "
		packages = "remembered-domain prosody-guard packages "
		plain    = packages + "no-tokens no-turnserver "
		prosody  = "previous-domain prosody prosody-link prosody-certificates prosody-settings prosody-access account-focus account-bridge roster prosody-service "
		daemons  = "bridge-conf focus-conf bridge-service focus-script focus-service "
		outcomes = "site site-link site-service served bridge focus page page-domain login"
	)
	for name, test := range map[string]struct {
		args     Args
		codename string
		parts    string
		java     string
		outputs  Outputs
	}{
		"plain": {
			good(), "bookworm", "repository " + answers + "certificate java " + plain + prosody + daemons + "no-turn " + outcomes, java17,
			Outputs{URL: "https://meet.example.com", TCPPorts: "80,443", UDPPorts: "10000", Files: []string{bridgeConf, focusConf}},
		},
		"all": {
			all(), "trixie",
			"repository " + answers + "answers-tokens certificate java lua lua-basexx lua-inspect " + packages + prosody + daemons + "turn-answers turn-conf turn-service " + outcomes, java21,
			Outputs{URL: "https://meet.example.com", TCPPorts: "80,443,5349", UDPPorts: "10000:20000,3478", Files: []string{bridgeConf, focusConf, turnConf}},
		},
		"old prosody": {
			good(), "jammy", "repository prosody-pin prosody-repository " + answers + "certificate java " + plain + prosody + daemons + "no-turn " + outcomes, java17,
			Outputs{URL: "https://meet.example.com", TCPPorts: "80,443", UDPPorts: "10000", Files: []string{bridgeConf, focusConf}},
		},
	} {
		parts, outputs, err := New(test.args, env(test.codename))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.parts, names(parts)); diff != "" {
			t.Errorf("%s: parts (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.outputs, outputs); diff != "" {
			t.Errorf("%s: outputs (-want +got):\n%s", name, diff)
		}
		var needy []string
		for _, p := range parts {
			if p.Requires != nil {
				needy = append(needy, p.Name)
			}
		}
		want := []string{"repository", "packages", "prosody-service", "bridge-conf", "bridge-service", "focus-service"}
		if test.args.TURNSecret != "" {
			want = append(want, "turn-service")
		}
		if diff := cmp.Diff(want, needy); diff != "" {
			t.Errorf("%s: parts that require something (-want +got):\n%s", name, diff)
		}
		b := builder{Builder: &product.Builder{Env: env(test.codename)}, args: test.args}
		if b.java() != test.java {
			t.Errorf("%s: java %s, want %s", name, b.java(), test.java)
		}
	}
	e := env("")
	e.Facts = nil
	if _, _, err := New(good(), e); err != nil {
		t.Errorf("without facts: %v", err)
	}
}

// TestConfiguration compares what is written with files that the lab's daemons and coturn were seen to read.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	for prefix, args := range map[string]Args{"plain-": good(), "all-": all()} {
		parts, _, err := New(args, env("bookworm"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			f, ok := p.Step.(conf)
			if !ok {
				continue
			}
			if !f.Sensitive || f.Mode != 0o640 {
				t.Errorf("%s: others can read it", f.Path)
			}
			golden := "testdata/" + prefix + p.Name
			want, err := os.ReadFile(golden)
			if *update {
				err = os.WriteFile(golden, f.Content, 0o644)
				want = f.Content
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(f.Content)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		}
	}
}

// TestDirectoryGone follows what an error advises: only the package has all that was in the directory.
func TestDirectoryGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/videobridge"
	step := conf{&file.Step{Path: dir + "/jvb.conf", Content: []byte("x"), Mode: 0o640, Owner: "root", Group: "root"}, "jitsi-videobridge2"}
	host := &moduletest.Host{}
	err := step.Apply(t.Context(), host, moduletest.Diff(t, host, step))
	var hint *modules.HintError
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint, dir+" is missing") || !strings.Contains(hint.Hint, "--force-confmiss jitsi-videobridge2`") {
		t.Errorf("%v", err)
	}
}

// TestLinksAreWatched: a service that was started without the link that leads to its configuration has to read it.
func TestLinksAreWatched(t *testing.T) {
	t.Parallel()
	parts, _, err := New(all(), env("bookworm"))
	if err != nil {
		t.Fatal(err)
	}
	watched := map[string]bool{}
	for _, p := range parts {
		switch step := p.Step.(type) {
		case *systemdunit.Step:
			for _, path := range step.RestartOn {
				watched[path] = true
			}
		case nginx.Running:
			for _, path := range step.ReloadOn {
				watched[path] = true
			}
		}
	}
	for _, path := range []string{"/etc/prosody/conf.d/meet.example.com.cfg.lua", "/etc/nginx/sites-enabled/meet.example.com.conf"} {
		if !watched[path] {
			t.Errorf("no service watches %s", path)
		}
	}
}

// TestAnswers is about the questions that must not be preset, and about who can read the answers.
func TestAnswers(t *testing.T) {
	t.Parallel()
	parts, _, err := New(all(), env("bookworm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		step, ok := p.Step.(*debconf.Step)
		if !ok {
			continue
		}
		for _, a := range step.Answers {
			if a.Question == "jitsi-meet/jvb-hostname" || a.Question == "jitsi-meet-prosody/jvb-hostname" {
				t.Errorf("%s is what a package remembers", a.Question)
			}
			if strings.Contains(a.Value, "secret") && a.Type != "password" {
				t.Errorf("everybody could read the answer to %s", a.Question)
			}
		}
	}
}

const domain = "meet.example.com"

// world answers questions about files; those that are not in it are absent.
type world map[string]observe.FileInfo

func text(content string) observe.FileInfo {
	return observe.FileInfo{Type: observe.Regular, Mode: 0o644, Content: []byte(content)}
}

func (w world) snapshot(paths ...string) *observe.Snapshot {
	s := observe.NewSnapshot()
	for _, path := range paths {
		observe.File.Put(s, observe.FileQuestion{Path: path}, w[path], nil)
		observe.File.Put(s, confQuestion(path), w[path], nil)
	}
	return s
}

// wantWork is [moduletest.WantWork] for a case of a table.
func wantWork(t *testing.T, name string, want modules.Work, c modules.Change) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		moduletest.WantWork(t, want, c)
	})
}

func TestProsodyDiff(t *testing.T) {
	t.Parallel()
	const (
		conf = "/etc/prosody/conf.avail/meet.example.com.cfg.lua"
		ca   = "/usr/local/share/ca-certificates/auth.meet.example.com.crt"
	)
	complete := "VirtualHost \"auth.meet.example.com\"\n    ssl = {\n        certificate = \"/etc/prosody/certs/auth.meet.example.com.crt\";\n    }\n"
	step := Prosody{Domain: domain}
	converged := func() world {
		w := world{conf: text(complete)}
		for _, path := range step.needed() {
			w[path] = observe.FileInfo{Type: observe.Regular}
		}
		w[ca] = observe.FileInfo{Type: observe.Symlink}
		return w
	}
	for name, test := range map[string]struct {
		change func(world)
		want   []string
		work   modules.Work // nil: not compared
		err    string
	}{
		"converged": {change: func(world) {}},
		"absent": {
			change: func(w world) { clear(w) }, want: []string{"create " + conf + " configured > as jitsi-meet-prosody writes it"},
			work: prosodyWork{Domain: domain, Lacks: wholeConf},
		},
		"killed half way": {
			change: func(w world) { w[conf] = text("VirtualHost \"auth.meet.example.com\"\n") },
			want:   []string{"update " + conf + " configured without the certificate of auth.meet.example.com > as jitsi-meet-prosody writes it"},
			work:   prosodyWork{Domain: domain, Lacks: authCertificate},
		},
		"no certificate": {
			change: func(w world) { delete(w, "/var/lib/prosody/auth.meet.example.com.crt") },
			want:   []string{"update " + conf + " configured without /var/lib/prosody/auth.meet.example.com.crt > as jitsi-meet-prosody writes it"},
			work:   prosodyWork{Domain: domain, Lacks: neededFile, File: "/var/lib/prosody/auth.meet.example.com.crt"},
		},
		"not trusted": {change: func(w world) { delete(w, ca) }, want: []string{"update " + conf + " configured without " + ca + " > as jitsi-meet-prosody writes it"}},
		"directory":   {change: func(w world) { w[conf] = observe.FileInfo{Type: observe.Directory} }, err: conf + " is a directory, not a file"},
	} {
		w := converged()
		test.change(w)
		got, err := step.Diff(w.snapshot(append(step.needed(), conf)...))
		wantWork(t, name, test.work, got)
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); diff != "" || moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q; edits (-want +got):\n%s", name, moduletest.ErrorText(err), test.err, diff)
		}
	}
	s := observe.NewSnapshot()
	observe.File.Put(s, confQuestion(conf), observe.FileInfo{}, errors.New("Input/output error"))
	if _, err := step.Diff(s); moduletest.ErrorText(err) != "look at "+conf+": Input/output error" {
		t.Errorf("could not tell: %v", err)
	}
}

// TestSettings starts from what the lab's jitsi-meet-prosody writes.
func TestSettings(t *testing.T) {
	t.Parallel()
	packaged, err := os.ReadFile("testdata/packaged.cfg.lua")
	if err != nil {
		t.Fatal(err)
	}
	const path = "/etc/prosody/conf.avail/meet.example.com.cfg.lua"
	tokens := Settings{Path: path, Wanted: wantedSettings(all())}
	plain := Settings{Path: path, Wanted: wantedSettings(good())}

	servers := []string{
		"update " + path + " external_services, stun", "update " + path + " external_services, turn", "update " + path + " external_services, turns",
	}
	got, err := plain.Diff(world{path: text(string(packaged))}.snapshot(path))
	if diff := cmp.Diff(servers, moduletest.Lines(got.Edits)); err != nil || diff != "" {
		t.Errorf("what the package writes is not what is wanted without tokens, except for coturn: %v (-want +got):\n%s", err, diff)
	}
	silent, _, _ := apply(string(packaged), plain.Wanted)
	if diff := cmp.Diff(golden(t, "testdata/silent.cfg.lua", silent), silent); diff != "" {
		t.Errorf("without coturn (-want +got):\n%s", diff)
	}
	if again, differ, _ := apply(silent, plain.Wanted); again != silent || differ != nil {
		t.Errorf("without coturn, a second time differs in %v", differ)
	}
	if back, differ, _ := apply(silent, wantedSettings(all())); len(differ) != 8 || strings.Contains(back, "--{") {
		t.Errorf("coturn is back: %v\n%s", differ, back)
	}
	got, err = tokens.Diff(world{path: text(string(packaged))}.snapshot(path))
	want := []string{
		"update " + path + " authentication", "update " + path + " app_id", "update " + path + " app_secret",
		"update " + path + " token_verification", "update " + path + " external_service_secret",
	}
	if diff := cmp.Diff(want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
		t.Errorf("%v; edits (-want +got):\n%s", err, diff)
	}
	wantWork(t, "with tokens", settingsWork{
		Path: path, Names: []string{"authentication", "app_id", "app_secret", "token_verification", "external_service_secret"},
	}, got)
	for _, e := range got.Edits {
		if !e.Sensitive || e.From+e.To != "" || e.Text != nil {
			t.Errorf("an edit shows something: %+v", e)
		}
	}
	with, _, missing := apply(string(packaged), tokens.Wanted)
	if missing != nil {
		t.Errorf("no line for %v", missing)
	}
	if diff := cmp.Diff(golden(t, "testdata/tokens.cfg.lua", with), with); diff != "" {
		t.Errorf("with tokens (-want +got):\n%s", diff)
	}
	if again, differ, _ := apply(with, tokens.Wanted); again != with || differ != nil {
		t.Errorf("a second time differs in %v", differ)
	}
	without, _, _ := apply(with, append(plain.Wanted, newSetting("", `external_service_secret =`, `external_service_secret = "packaged";`)))
	if diff := cmp.Diff(silent, without); diff != "" {
		t.Errorf("there and back (-want +got):\n%s", diff)
	}
	_, err = plain.Diff(world{path: text("VirtualHost \"x\"\n")}.snapshot(path))
	if moduletest.ErrorText(err) != path+" has no line for authentication, app_id, app_secret, token_verification" {
		t.Errorf("without lines: %v", err)
	}
	if got, err := plain.Diff(world{}.snapshot(path)); err != nil || len(got.Edits) != 4 {
		t.Errorf("absent: %v, %v", moduletest.Lines(got.Edits), err)
	}
}

// rosters are what prosody 0.12.3 wrote, with an entry granted, and with one that only asks.
const (
	rosterGranted = `return {
	[false] = {
		["version"] = 2;
		["pending"] = {};
	};
	["focus.meet.example.com"] = {
		["subscription"] = "from";
		["groups"] = {};
	};
};
`
	rosterPending = `return {
	[false] = {
		["version"] = 1;
		["pending"] = {
			["focus.meet.example.com"] = true;
		};
	};
};
`
)

func TestRosterDiff(t *testing.T) {
	t.Parallel()
	const (
		conf = "/etc/prosody/conf.avail/meet.example.com.cfg.lua"
		path = "/var/lib/prosody/auth%2emeet%2eexample%2ecom/roster/focus.dat"
	)
	proxy := text("Component \"focus.meet.example.com\" \"client_proxy\"\n")
	missing := []string{"update roster of focus@auth.meet.example.com focus.meet.example.com not in it > sees when it is online"}
	for name, test := range map[string]struct {
		conf, roster observe.FileInfo
		want         []string
	}{
		"converged":           {proxy, text(rosterGranted), nil},
		"both":                {proxy, text(strings.Replace(rosterGranted, `"from"`, `"both"`, 1)), nil},
		"absent":              {proxy, observe.FileInfo{}, missing},
		"empty":               {proxy, text(""), missing},
		"pending":             {proxy, text(rosterPending), missing},
		"only to":             {proxy, text(strings.Replace(rosterGranted, `"from"`, `"to"`, 1)), []string{"update roster of focus@auth.meet.example.com focus.meet.example.com subscription to > sees when it is online"}},
		"of another domain":   {proxy, text(strings.Replace(rosterGranted, "meet", "call", 1)), missing},
		"before 2021":         {text(""), observe.FileInfo{}, nil},
		"no configuration":    {observe.FileInfo{}, observe.FileInfo{}, missing},
		"looks like a domain": {proxy, text(strings.Replace(rosterGranted, "focus.meet", "focusxmeet", 1)), missing},
	} {
		got, err := (&Roster{Domain: domain}).Diff(world{conf: test.conf, path: test.roster}.snapshot(conf, path))
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
			t.Errorf("%s: %v; edits (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestCertificateLinksDiff(t *testing.T) {
	t.Parallel()
	w, paths := world{}, []string{}
	for i, l := range certificateLinks(domain) {
		paths = append(paths, l.Path)
		switch i {
		case 0:
			w[l.Path] = observe.FileInfo{Type: observe.Symlink, Target: l.Target}
		case 1: // an administrator's own
			w[l.Path] = observe.FileInfo{Type: observe.Regular}
		}
	}
	got, err := (&CertificateLinks{Domain: domain}).Diff(w.snapshot(paths...))
	want := []string{
		"create /etc/prosody/certs/auth.meet.example.com.crt > a link to /var/lib/prosody/auth.meet.example.com.crt",
		"create /etc/prosody/certs/auth.meet.example.com.key > a link to /var/lib/prosody/auth.meet.example.com.key",
	}
	if diff := cmp.Diff(want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
		t.Errorf("%v; edits (-want +got):\n%s", err, diff)
	}
}

func TestGuardDiff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tokens bool
		is     observe.FileInfo
		unit   observe.UnitInfo
		want   []string
	}{
		"converged":         {true, text(guardText), observe.UnitInfo{Load: observe.Loaded, DropInPaths: []string{guardPath}}, nil},
		"not yet installed": {true, text(guardText), observe.UnitInfo{Load: observe.NotFound}, nil},
		"absent":            {true, observe.FileInfo{}, observe.UnitInfo{Load: observe.NotFound}, []string{"create " + guardPath}},
		"edited":            {true, text("[Service]\n"), observe.UnitInfo{Load: observe.Loaded, DropInPaths: []string{guardPath}}, []string{"update " + guardPath}},
		"not loaded":        {true, text(guardText), observe.UnitInfo{Load: observe.Loaded}, []string{"run prosody.service daemon-reload > systemd has not loaded the unit files on disk"}},
		"no tokens":         {false, observe.FileInfo{}, observe.UnitInfo{Load: observe.Loaded}, nil},
		"no tokens any more": {
			false, text(guardText),
			observe.UnitInfo{Load: observe.Loaded, DropInPaths: []string{guardPath}},
			[]string{"remove " + guardPath},
		},
		"removed, but loaded": {
			false,
			observe.FileInfo{},
			observe.UnitInfo{Load: observe.Loaded, DropInPaths: []string{guardPath}},
			[]string{"run prosody.service daemon-reload > systemd has not loaded the unit files on disk"},
		},
	} {
		s := world{guardPath: test.is}.snapshot(guardPath)
		observe.Unit.Put(s, guardedUnit, test.unit, nil)
		got, err := (&Guard{Tokens: test.tokens}).Diff(s)
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
			t.Errorf("%s: %v; edits (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestGuardMatches: the guard's pattern matches what Jitsi's package writes, and nothing that the plan's settings do.
func TestGuardMatches(t *testing.T) {
	t.Parallel()
	_, pattern, _ := strings.Cut(guardText, `grep -ls "`)
	pattern, _, _ = strings.Cut(pattern, `"`)
	guard := regexp.MustCompile(`(?m)` + pattern)
	for file, want := range map[string]bool{"packaged.cfg.lua": true, "tokens.cfg.lua": false, "silent.cfg.lua": true} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if guard.Match(text) != want {
			t.Errorf("%s: prosody is kept from starting: %v", file, !want)
		}
	}
}

func TestFocusScriptDiff(t *testing.T) {
	t.Parallel()
	script := func(mode fs.FileMode) observe.FileInfo { return observe.FileInfo{Type: observe.Regular, Mode: mode} }
	executable, enabled := "update "+focusScript+" executable no > yes", "update jicofo.service enabled disabled > enabled"
	for name, test := range map[string]struct {
		is    observe.FileInfo
		links []string
		want  []string
	}{
		"converged":                 {script(0o755), []string{"/etc/rc2.d/S01jicofo"}, nil},
		"absent":                    {observe.FileInfo{}, nil, nil},
		"after remove and install":  {script(0o644), nil, []string{executable, enabled}},
		"killed before the links":   {script(0o755), nil, []string{enabled}},
		"chmod -x, and still links": {script(0o644), []string{"/etc/rc2.d/S01jicofo"}, []string{executable}},
	} {
		s := world{focusScript: test.is}.snapshot(focusScript)
		focusLinks.Put(s, struct{}{}, test.links, nil)
		got, err := (&FocusScript{}).Diff(s)
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
			t.Errorf("%s: %v; edits (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestNoTURNDiff(t *testing.T) {
	t.Parallel()
	rendered, err := os.ReadFile("testdata/all-turn-conf")
	if err != nil {
		t.Fatal(err)
	}
	off := []string{"update coturn.service enabled enabled > disabled, and stopped", "remove " + turnConf}
	for name, test := range map[string]struct {
		conf, dropIn observe.FileInfo
		want         []string
	}{
		"none":               {observe.FileInfo{}, observe.FileInfo{}, nil},
		"somebody else's":    {text("use-auth-secret\n"), observe.FileInfo{}, nil},
		"rcprov's":           {text(string(rendered)), text("x"), append(off[:2:2], "remove "+turnDropIn)},
		"the package's":      {text(turnMark + "\nuse-auth-secret\n"), observe.FileInfo{}, off},
		"killed at the last": {text(string(rendered)), observe.FileInfo{}, off},
	} {
		got, err := (&NoTURN{}).Diff(world{turnConf: test.conf, turnDropIn: test.dropIn}.snapshot(turnConf, turnDropIn))
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
			t.Errorf("%s: %v; edits (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestRememberedDiff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ is, want []string }{
		"converged": {[]string{domain}, nil},
		"none":      {},
		"another":   {[]string{"old.example.com"}, []string{"update debconf jitsi-meet/jvb-hostname value old.example.com > empty, so that jitsi-meet-web-config keeps the page's settings of that domain"}},
	} {
		s := observe.NewSnapshot()
		remembered.Put(s, struct{}{}, test.is, nil)
		got, err := (&Remembered{Domain: domain}).Diff(s)
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
			t.Errorf("%s: %v; edits (-want +got):\n%s", name, err, diff)
		}
	}
}

func golden(t *testing.T, path, now string) string {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(want)
}

// scram is what prosody 0.12.3 wrote for the password focussecret-0001.
const scram = `return {
	["stored_key"] = "63e65173229c6d6908400697a7acef03d09ab1e5";
	["server_key"] = "f55875e6bf15bf80200cb76acd8df27cfef4faae";
	["iteration_count"] = 10000;
	["salt"] = "f6f6cd92-748e-4181-a5aa-4a23409e6487";
};
`

func TestAccountDiff(t *testing.T) {
	t.Parallel()
	const path = "/var/lib/prosody/auth%2emeet%2eexample%2ecom/accounts/focus.dat"
	for name, test := range map[string]struct {
		secret modules.Secret
		is     observe.FileInfo
		want   []string
		err    string
		work   modules.Work // nil: not compared
	}{
		"converged":        {"focussecret-0001", text(scram), nil, "", nil},
		"absent":           {"focussecret-0001", observe.FileInfo{}, []string{"create account focus@auth.meet.example.com"}, "", accountWork{JID: "focus@auth.meet.example.com", Create: true}},
		"another password": {"focussecret-0002", text(scram), []string{"update account focus@auth.meet.example.com password"}, "", accountWork{JID: "focus@auth.meet.example.com"}},
		"plain":            {"focussecret-0001", text("return {\n\t[\"password\"] = \"focussecret-0001\";\n};\n"), nil, "", nil},
		"another plain":    {"focussecret-0001", text("return {\n\t[\"password\"] = \"x\";\n};\n"), []string{"update account focus@auth.meet.example.com password"}, "", nil},
		"cut off":          {"focussecret-0001", text("return {\n"), []string{"update account focus@auth.meet.example.com password"}, "", nil},
		"too many":         {"x", text(strings.Replace(scram, "10000", "99999999999", 1)), nil, path + `: has the iteration_count "99999999999"`, nil},
		"another hash":     {"x", text(strings.Replace(scram, "63e6", "", 1)), nil, path + ": has a stored_key of neither SHA-1 nor SHA-256", nil},
		"negative":         {"x", text(strings.Replace(scram, "10000", "-1", 1)), nil, path + `: has the iteration_count "-1"`, nil},
	} {
		step := Account{User: "focus", Domain: domain, Secret: test.secret}
		got, err := step.Diff(world{path: test.is}.snapshot(path))
		wantWork(t, name, test.work, got)
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); diff != "" || moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q; edits (-want +got):\n%s", name, moduletest.ErrorText(err), test.err, diff)
		}
	}
}

// TestSaid has what prosodyctl of Debian 12 prints to standard error, before what it has to say and instead of it.
func TestSaid(t *testing.T) {
	t.Parallel()
	const block = `
**************************
Prosody was unable to find lua-unbound
This package can be obtained in the following ways:

  Debian/Ubuntu | sudo apt install lua-unbound

Old DNS resolver library will be used
More help can be found on our website, at https://prosody.im/doc/depends
**************************

`
	for _, test := range []struct{ stderr, stdout, want string }{
		{block, "The host 'auth.meet.example.com' is not configured for this server.\n", "The host 'auth.meet.example.com' is not configured for this server."},
		{"dpkg: error processing package jitsi-meet-prosody\n" + block, "", "dpkg: error processing package jitsi-meet-prosody"},
		{block, "", "it says nothing"},
	} {
		if got := said([]byte(test.stdout), []byte(test.stderr)); got != test.want {
			t.Errorf("%q; want %q", got, test.want)
		}
	}
}

func TestCertificateDiff(t *testing.T) {
	t.Parallel()
	const path, key = "/etc/tls/fullchain.pem", "/etc/tls/privkey.pem"
	step := Certificate{Path: path, Key: key}
	for name, test := range map[string]struct {
		is    world
		want  []string
		notes []string
		work  modules.Work
	}{
		"converged": {is: world{path: text(""), key: text("")}},
		"absent": {
			want:  []string{"run " + path + " wait > there", "run " + key + " wait > there"},
			notes: []string{path + " is not there yet: an earlier step must make it", key + " is not there yet: an earlier step must make it"},
			work:  certificateWork{path, key},
		},
		"no key": {
			is: world{path: text("")}, want: []string{"run " + key + " wait > there"},
			notes: []string{key + " is not there yet: an earlier step must make it"}, work: certificateWork{key},
		},
	} {
		got, err := step.Diff(test.is.snapshot(path, key))
		wantWork(t, name, test.work, got)
		if diff := cmp.Diff([][]string{test.want, test.notes}, [][]string{moduletest.Lines(got.Edits), got.Notes}); err != nil || diff != "" {
			t.Errorf("%s: %v; edits and notes (-want +got):\n%s", name, err, diff)
		}
		if test.want != nil {
			err = step.Apply(t.Context(), nil, got)
			if want := strings.Fields(test.want[0])[1] + " is not there"; moduletest.ErrorText(err) != want {
				t.Errorf("%s: error %q, want %q", name, moduletest.ErrorText(err), want)
			}
		}
	}
}

func FuzzHasPassword(f *testing.F) {
	f.Add(scram)
	f.Fuzz(func(t *testing.T, account string) {
		if strings.Contains(account, "iteration_count") && len(account) > 400 {
			return // time
		}
		if same, err := hasPassword(strings.ReplaceAll(account, "0000", ""), "a password that nobody has"); same && err == nil {
			t.Errorf("%q", account)
		}
	})
}

func TestSiteDiff(t *testing.T) {
	t.Parallel()
	const writes = " > as jitsi-meet-web-config writes it"
	const (
		path = "/etc/nginx/sites-available/meet.example.com.conf"
		page = "/etc/jitsi/meet/meet.example.com-config.js"
		site = `server {
    location ^~ /.well-known/acme-challenge/ {
        default_type "text/plain";
        root         /var/www/acme;
    }
}
server {
    ssl_certificate /etc/tls/fullchain.pem;
    ssl_certificate_key /etc/tls/privkey.pem;
    root /usr/share/jitsi-meet;
}
`
	)
	step := Site{Domain: domain, Certificate: "/etc/tls/fullchain.pem", Key: "/etc/tls/privkey.pem", Webroot: "/var/www/acme"}
	good := text("var config = {\n    hosts: {\n        domain: 'meet.example.com',\n")
	for name, test := range map[string]struct {
		site, page observe.FileInfo
		want       []string
		text       string // new text of the site
		err        string
		work       modules.Work // nil: not compared
	}{
		"converged":   {text(site), good, nil, "", "", nil},
		"absent":      {observe.FileInfo{}, observe.FileInfo{}, []string{"create " + path + writes, "create " + page + writes}, "", "", siteWork{Site: &step, WriteSite: true, Page: writePage}},
		"certificate": {text(strings.Replace(site, "/etc/tls/fullchain.pem", "/etc/ssl/x.crt", 1)), good, []string{"update " + path + " certificate"}, site, "", siteWork{Site: &step, EditSite: &modules.Text{Old: strings.Replace(site, "/etc/tls/fullchain.pem", "/etc/ssl/x.crt", 1), New: site}}},
		"key":         {text(strings.Replace(site, "/etc/tls/privkey.pem", "/etc/ssl/x.key", 1)), good, []string{"update " + path + " certificate"}, site, "", nil},
		"challenges":  {text(strings.Replace(site, "/var/www/acme", "/usr/share/jitsi-meet", 1)), good, []string{"update " + path + " certificate"}, site, "", nil},
		"other page":  {text(site), text("domain: 'other.example.com'"), []string{"update " + page + " domain does not name meet.example.com" + writes}, "", "", siteWork{Site: &step, Page: replacePage}},
		"link":        {observe.FileInfo{Type: observe.Symlink}, good, nil, "", path + " is a symbolic link, not a file", nil},
	} {
		snapshot := world{path: test.site, page: test.page}.snapshot(path, page)
		nginx.PutSites(snapshot)
		got, err := step.Diff(snapshot)
		wantWork(t, name, test.work, got)
		if diff := cmp.Diff(test.want, moduletest.Lines(got.Edits)); diff != "" || moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q; edits (-want +got):\n%s", name, moduletest.ErrorText(err), test.err, diff)
		}
		if test.text != "" && got.Edits[0].Text.New != test.text {
			t.Errorf("%s: %s", name, cmp.Diff(test.text, got.Edits[0].Text.New))
		}
	}
}

// TestSiteBesideOthers is about nginx's other files: one that has the domain, too, and an nginx.conf that leads to no site of Jitsi's.
func TestSiteBesideOthers(t *testing.T) {
	t.Parallel()
	step := Site{Domain: domain, Certificate: "/etc/tls/fullchain.pem", Key: "/etc/tls/privkey.pem", Webroot: "/var/www/acme"}
	converged := func(include string) *observe.Snapshot {
		s := world{
			step.path(): text("server {\n    ssl_certificate /etc/tls/fullchain.pem;\n}\n"), step.page(): text("domain: 'meet.example.com',\n"),
		}.snapshot(step.path(), step.page())
		const mine = "/etc/nginx/conf.d/mine.conf\t"
		nginx.PutSites(s, "/etc/nginx/nginx.conf\tinclude "+include, mine+"server", mine+"listen 443 ssl", mine+"server_name meet.example.com",
			step.link()+"\tserver", step.link()+"\tlisten 443 ssl", step.link()+"\tserver_name meet.example.com")
		return s
	}
	got, err := step.Diff(converged("/etc/nginx/sites-enabled/*"))
	if err != nil || !got.Empty() || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "meet.example.com is also a name in /etc/nginx/conf.d/mine.conf") {
		t.Errorf("%+v, %v", got, err)
	}
	want := "nginx does not read /etc/nginx/sites-enabled/meet.example.com.conf: /etc/nginx/nginx.conf has no include for sites-enabled"
	if _, err := step.Diff(converged("/etc/nginx/conf.d/*.conf")); moduletest.ErrorText(err) != want {
		t.Error(err)
	}
}

func TestPreviousDomainDiff(t *testing.T) {
	t.Parallel()
	s := observe.NewSnapshot()
	inUse.Put(s, struct{}{}, []string{
		"/etc/prosody/conf.d/old.example.com.cfg.lua", "/etc/nginx/sites-enabled/meet.example.com.conf",
		"/etc/nginx/sites-enabled/old.example.com.conf", "/etc/prosody/conf.d/meet.example.com.cfg.lua",
	}, nil)
	got, err := (&PreviousDomain{Domain: domain}).Diff(s)
	wantWork(t, "old", previousWork{
		"/etc/nginx/sites-enabled/old.example.com.conf", "/etc/prosody/conf.d/old.example.com.cfg.lua",
	}, got)
	want := []string{
		"remove /etc/nginx/sites-enabled/old.example.com.conf of another domain",
		"remove /etc/prosody/conf.d/old.example.com.cfg.lua of another domain",
	}
	if diff := cmp.Diff(want, moduletest.Lines(got.Edits)); err != nil || diff != "" {
		t.Errorf("%v; edits (-want +got):\n%s", err, diff)
	}
}

func TestLoginDiff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		found entrance
		app   string
		want  []modules.Edit
		work  modules.Work // nil: not compared
	}{
		"converged": {},
		"nobody gets in": {found: entrance{Login: errNoWayIn.Error(), Websocket: "status 502 from /xmpp-websocket"}, want: []modules.Edit{{
			Action: modules.Run, Subject: "log in to meet.example.com", Field: "wait", From: "prosody offers no login", To: "everybody can log in",
		}}, work: loginWork{Domain: domain, Found: entrance{Login: errNoWayIn.Error(), Websocket: "status 502 from /xmpp-websocket"}}},
		"a login without a token": {app: "chat", found: entrance{NoToken: "one can log in without a token"}, want: []modules.Edit{{
			Action: modules.Run, Subject: "log in to meet.example.com", Field: "wait", From: "one can log in without a token", To: "one can log in with a token, and not without",
		}}, work: loginWork{Domain: domain, Tokens: true, Found: entrance{NoToken: "one can log in without a token"}}},
	} {
		step := Login{Visitor: visitor{Domain: domain, AppID: test.app}}
		s := observe.NewSnapshot()
		entrances.Put(s, step.Visitor, test.found, nil)
		got, err := step.Diff(s)
		wantWork(t, name, test.work, got)
		if diff := cmp.Diff(test.want, got.Edits); err != nil || diff != "" {
			t.Errorf("%s: %v; edits (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestParseBody has replies of prosody 0.12.3.
func TestParseBody(t *testing.T) {
	t.Parallel()
	const open = `<body xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams' sid='c5f9' from='meet.example.com' ` +
		`xmlns='http://jabber.org/protocol/httpbind'><stream:features xmlns='jabber:client'>` +
		`<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features></body>`
	b, err := parseBody([]byte(open))
	if err != nil || b.Session != "c5f9" || len(b.Mechanisms) != 1 || b.Mechanisms[0] != "ANONYMOUS" || b.Success != nil {
		t.Errorf("session: %+v, %v", b, err)
	}
	b, err = parseBody([]byte(`<body xmlns='http://jabber.org/protocol/httpbind'><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></body>`))
	if err != nil || b.Success == nil || b.Failure != nil {
		t.Errorf("success: %+v, %v", b, err)
	}
	b, err = parseBody([]byte(`<body xmlns='http://jabber.org/protocol/httpbind'><failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-allowed/><text>token required</text></failure></body>`))
	if err != nil || b.Failure == nil || len(b.Failure.Reason) != 2 || b.Failure.Reason[1].Text != "token required" {
		t.Errorf("failure: %+v, %v", b, err)
	}
	if _, err := parseBody([]byte("502 Bad Gateway")); err == nil {
		t.Error("a text is no XML")
	}
}

func FuzzParseBody(f *testing.F) {
	f.Add([]byte(`<body sid='x'><features><mechanisms><mechanism>A</mechanism></mechanisms></features></body>`))
	f.Fuzz(func(_ *testing.T, content []byte) {
		_, _ = parseBody(content) // must not panic
	})
}

func TestToken(t *testing.T) {
	t.Parallel()
	got, err := visitor{Domain: domain, AppID: "chat", Secret: "token-secret"}.token(time.Unix(1_800_000_000, 0))
	parts := strings.Split(got, ".")
	if err != nil || len(parts) != 3 {
		t.Fatalf("%q, %v", got, err)
	}
	for i, want := range []string{`{"alg":"HS256","typ":"JWT"}`, `{"exp":1800003600,"iss":"chat","room":"*","sub":"meet.example.com"}`} {
		if text, err := base64.RawURLEncoding.DecodeString(parts[i]); err != nil || string(text) != want {
			t.Errorf("part %d is %s, %v; want %s", i, text, err, want)
		}
	}
	mac := hmac.New(sha256.New, []byte("token-secret"))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if parts[2] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signature %s", parts[2])
	}
}
