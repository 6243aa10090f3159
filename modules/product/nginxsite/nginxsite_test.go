package nginxsite

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/product/nginx"
	"github.com/rcprov/rcprov/templates"
)

var update = flag.Bool("update", false, "write testdata/*.conf anew")

func env(id, version string) modules.Env {
	return modules.Env{
		Sensitive: func(string) bool { return false }, Templates: templates.FS,
		Facts:  &observe.Facts{OS: observe.OS{ID: id, Version: version}},
		Render: func(string, cty.Value) (string, error) { return "", errors.New("no template is expected") },
	}
}

// minimal has the defaults of a plan.
func minimal() Args {
	args := Args{
		Names: []string{"chat.example.com"}, Certificate: "/etc/ssl/t.crt", Key: "/etc/ssl/t.key",
		Upstreams: []string{"127.0.0.1:3000"}, IPv6: true,
	}
	modules.Defaults(&args)
	return args
}

// withoutTLS is minimal with tls = "off".
func withoutTLS() Args {
	args := minimal()
	args.TLS, args.Certificate, args.Key = "off", "", ""
	return args
}

// TestContent compares whole sites with testdata. Those files were accepted by nginx -t of Debian 12 and 13.
func TestContent(t *testing.T) {
	t.Parallel()
	full := minimal()
	full.Names = append(full.Names, "*.chat.example.com")
	full.Upstreams = []string{"127.0.0.1:3000", "10.0.0.3:3000 weight=2", "unix:/run/chat.sock"}
	full.Sticky, full.TLS, full.HSTSSubdomains = "cookie", "modern", true
	full.Locations = []Location{
		{Match: "/sockjs/", ProxyPass: "upstreams", Config: "proxy_read_timeout 1h;\n\n  access_log off;\n"},
		{Match: "= /robots.txt", Config: `return 200 "User-agent: *\n";`},
		{Match: "~ \\.png$", ProxyPass: "http://127.0.0.1:9000"},
	}
	full.Config = "keepalive_timeout 10s;\nif ($host = old.example.com) {\n\treturn 301 https://chat.example.com$request_uri;\n}\n"
	static := minimal()
	static.Upstreams, static.HSTS, static.IPv6 = nil, 0, false
	static.Locations = []Location{{Match: "/", Config: "root /srv/www;"}}
	byAddress := minimal()
	byAddress.Upstreams, byAddress.Sticky = append(byAddress.Upstreams, "127.0.0.1:3001"), "ip"
	plain := withoutTLS()
	plain.Health = "/healthz"
	inside := plain
	inside.Port = new(8080)
	other := minimal()
	other.Port, other.Health = new(8443), "/up"
	for name, test := range map[string]struct {
		args Args
		env  modules.Env
	}{
		"plain":          {plain, env("debian", "13")},
		"plain-8080":     {inside, env("debian", "12")},
		"tls-8443":       {other, env("debian", "12")},
		"debian-12":      {minimal(), env("debian", "12")},
		"debian-13":      {minimal(), env("debian", "13")},
		"debian-13-full": {full, env("debian", "13")},
		"debian-12-full": {full, env("debian", "12")},
		"ubuntu-24.04":   {byAddress, env("ubuntu", "24.04")},
		"static":         {static, env("debian", "13")},
	} {
		parts, _, err := New(test.args, test.env)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := parts[0].Step.(*nginx.Configuration).Files[0].Content
		file := "testdata/" + name + ".conf"
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	args := minimal()
	args.Names = []string{"*.example.com"}
	parts, outputs, err := New(args, env("debian", "12"))
	if err != nil {
		t.Fatal(err)
	}
	want := Outputs{URL: "https://*.example.com", Files: []string{"/etc/nginx/conf.d/_.example.com.conf"}}
	if diff := cmp.Diff(want, outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if served := parts[2].Step.(*Served); !slices.Equal(served.Names, []string{"any.example.com"}) {
		t.Errorf("asks for %q", served.Names)
	}
	args.Names, args.State = []string{"a.example.com"}, "absent"
	args.Certificate, args.Key, args.Upstreams = "", "", nil
	gone, outputs, err := New(args, env("debian", "12"))
	if err != nil || len(gone) != 2 || !gone[0].Step.(*nginx.Configuration).Files[0].Absent || outputs.Files[0] != "/etc/nginx/conf.d/a.example.com.conf" {
		t.Errorf("absent: %+v, %+v, %v", gone, outputs, err)
	}
	if unit := gone[1].Step.(nginx.Running); unit.Enabled != nil || unit.Step.Running != nil {
		t.Error("a removed site starts nginx")
	}
	checked := env("", "")
	checked.Facts = nil
	args = minimal()
	args.Names = []string{"*.example.com"}
	if _, unknown, err := New(args, checked); err != nil || !cmp.Equal(unknown, want) {
		t.Errorf("without facts: %+v, %v", unknown, err)
	}
}

// TestPorts is about what a port decides beside the site's file.
func TestPorts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tls  string
		port int
		url  string
		free int // the port that nginx must be able to have
	}{
		{"intermediate", 0, "https://chat.example.com", 443},
		{"modern", 8443, "https://chat.example.com:8443", 8443},
		{"off", 0, "http://chat.example.com", 80},
		{"off", 8080, "http://chat.example.com:8080", 8080},
	} {
		args := minimal()
		if test.tls == "off" {
			args = withoutTLS()
		}
		args.TLS = test.tls
		if test.port != 0 {
			args.Port = &test.port
		}
		parts, outputs, err := New(args, env("debian", "12"))
		if err != nil {
			t.Fatal(err)
		}
		if want := []modules.Requirement{preflight.Port{Number: test.free, Unit: nginx.Unit}}; outputs.URL != test.url || !cmp.Equal(parts[0].Requires, want) {
			t.Errorf("tls %s, port %d: %s, %+v", test.tls, test.port, outputs.URL, parts[0].Requires)
		}
		var q observe.Query
		for _, part := range parts {
			part.Step.Observe(&q)
		}
		asked := strings.Contains(q.Script("x"), "/etc/ssl/t.crt")
		if _, plain := parts[2].Step.(*Answering); plain != (test.tls == "off") || asked == plain {
			t.Errorf("tls %s: a certificate is asked about: %v", test.tls, asked)
		}
	}
}

// TestAnswering asks sites without TLS.
func TestAnswering(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(r.Host, ":")
		switch {
		case r.URL.Path == plainPath && name == "a":
			_, _ = w.Write([]byte("rcprov a\n"))
		default:
			http.Redirect(w, r, "https://"+name, http.StatusMovedPermanently)
		}
	}))
	defer server.Close()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") }
	for _, test := range []struct {
		name     string
		dial     observe.Dial
		greeting string
		edits    []string
	}{
		{"answers, and another site has a name", dial, "rcprov a", []string{"http://b:8080: another site"}},
		{"a template's", dial, "", nil},
		{"nothing", refused, "rcprov a", []string{"http://a:8080: nothing: connection refused"}},
	} {
		step := &Answering{Names: []string{"a", "b"}, Port: 8080, Greeting: test.greeting}
		got, err := askHTTP(t.Context(), test.dial, step.place())
		if err != nil {
			t.Fatal(err)
		}
		s := observe.NewSnapshot()
		httpProbe.Put(s, step.place(), got, nil)
		change, err := step.Diff(s)
		var edits []string
		for _, e := range change.Edits {
			edits = append(edits, e.Subject+": "+e.From)
		}
		if !slices.Equal(edits, test.edits) || err != nil {
			t.Errorf("%s: %q, %v", test.name, edits, err)
		}
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	args := minimal()
	args.Template = "site.tmpl"
	args.Vars = cty.ObjectVal(map[string]cty.Value{"color": cty.StringVal("blue")})
	e := env("debian", "13")
	e.Render = func(path string, vars cty.Value) (string, error) {
		return path + " " + vars.GetAttr("color").AsString() + "\n" + vars.GetAttr("listen").AsString() + "\n", nil
	}
	parts, _, err := New(args, e)
	if err != nil {
		t.Fatal(err)
	}
	got := string(parts[0].Step.(*nginx.Configuration).Files[0].Content)
	want := "site.tmpl blue\n\tlisten 443 ssl;\n\tlisten [::]:443 ssl;\n\thttp2 on;\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(*Args)
		want   string
	}{
		{func(a *Args) { a.Names = nil }, "names: must name at least one host"},
		{func(a *Args) { a.Names = []string{"Chat.example.com"} }, `names: "Chat.example.com" is not a lowercase host name, such as "chat.example.com" or "*.example.com"`},
		{func(a *Args) { a.Names = []string{"a.example.com; x"} }, `names: "a.example.com; x" is not a lowercase host name, such as "chat.example.com" or "*.example.com"`},
		{func(a *Args) { a.Certificate = "t.crt" }, `certificate: must be an absolute path, not "t.crt"`},
		{func(a *Args) { a.Certificate = "" }, "certificate: must be given, unless state is absent"},
		{func(a *Args) { a.State, a.Names = "absent", nil }, "names: must name at least one host"},
		{func(a *Args) { a.Upstreams = []string{"http://127.0.0.1:3000"} }, `upstreams: "http://127.0.0.1:3000" must be a host and a port, not a URL`},
		{func(a *Args) { a.Upstreams = []string{"127.0.0.1:3000;"} }, `upstreams: "127.0.0.1:3000;" must be "host:port" or "unix:/path", optionally followed by parameters of nginx`},
		{func(a *Args) { a.Upstreams = nil }, "upstreams: must be given, unless there is a location or a template"},
		{func(a *Args) { a.MaxBodySize = "200 MB" }, `max_body_size: must be in nginx's notation, not "200 MB"`},
		{func(a *Args) { a.ProxyTimeout = "5 min" }, `proxy_timeout: must be in nginx's notation, not "5 min"`},
		{func(a *Args) { a.StickyCookie = "a-b" }, `sticky_cookie: must be in nginx's notation, not "a-b"`},
		{func(a *Args) { a.TLS, a.Key = "off", "" }, `certificate: conflicts with tls = "off"`},
		{func(a *Args) { a.Port = new(80) }, "port: 80 is for sites without TLS: the nginx block has it for ACME challenges and redirects"},
		{func(a *Args) { *a = withoutTLS(); a.Port = new(443) }, `port: 443 is for sites with TLS, and this one has tls = "off"`},
		{func(a *Args) { a.Port = new(70000) }, "port: must be from 1 to 65535, not 70000"},
		{func(a *Args) { a.Port = new(0) }, "port: must be from 1 to 65535, not 0"},
		{func(a *Args) { a.Upstreams = []string{"127.0.0.1:70000"} }, `upstreams: "127.0.0.1:70000" must have a port from 1 to 65535`},
		{func(a *Args) { a.Upstreams = []string{"[::1]:0 weight=2"} }, `upstreams: "[::1]:0 weight=2" must have a port from 1 to 65535`},
		{func(a *Args) { a.Names = []string{strings.Repeat("a", 64) + ".com"} }, `names: "` + strings.Repeat("a", 64) + `.com" is not a lowercase host name, such as "chat.example.com" or "*.example.com"`},
		{func(a *Args) { a.Names = []string{strings.Repeat("abc.", 62) + "com"} }, "names: the first has more than 250 characters, and the site's file, which is called after it, can't have so long a name"},
		{func(a *Args) { a.Health = "//" }, `health: must be a path as nginx sees it, without "//", "." and "..", not "//"`},
		{func(a *Args) { a.Health = "/../x" }, `health: must be a path as nginx sees it, without "//", "." and "..", not "/../x"`},
		{func(a *Args) { a.Health = "/x/./y/" }, `health: must be a path as nginx sees it, without "//", "." and "..", not "/x/./y/"`},
		{func(a *Args) { a.Health = "/.well-known/acme-challenge" }, `health: "/.well-known/acme-challenge" is for ACME challenges or for looks at the site`},
		{func(a *Args) { a.Health = plainPath }, `health: "/.well-known/rcprov" is for ACME challenges or for looks at the site`},
		{func(a *Args) { a.Health = "healthz" }, `health: must be a path such as "/healthz", not "healthz"`},
		{func(a *Args) { a.Health, a.Template = "/healthz", "x.tmpl" }, "health: conflicts with template, which has all locations"},
		{func(a *Args) { a.Health, a.Locations = "/up", []Location{{Match: "=  /up", Config: "x;"}} }, `health: conflicts with location "= /up"`},
		{func(a *Args) { a.HSTS = -1 }, "hsts: must be a number of seconds, 0 or more"},
		{func(a *Args) { a.NginxVersion = "1.28" }, `nginx_version: must be a version such as "1.28.3", not "1.28"`},
		{func(a *Args) { a.Locations = []Location{{Match: "/"}} }, "location[0]: \"/\" is empty: give proxy_pass, config or both\nlocation: \"/\" conflicts with upstreams, which get all other requests"},
		{func(a *Args) { a.Locations = []Location{{Match: "/a", ProxyPass: "upstream"}} }, `location[0].proxy_pass: must be a URL such as "http://127.0.0.1:9000", or "upstreams", not "upstream"`},
		{func(a *Args) { a.Locations = []Location{{Match: "/a {", Config: "x;"}} }, `location[0]: "/a {" is not what nginx matches, such as "/api/"`},
	} {
		args := minimal()
		test.change(&args)
		_, _, err := New(args, env("debian", "12"))
		if err == nil || err.Error() != test.want {
			t.Errorf("error %q\n want %q", err, test.want)
		}
	}
}

const certificate = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n" // "abc"

func TestServedDiff(t *testing.T) {
	t.Parallel()
	step := &Served{Names: []string{"chat.example.com"}, Certificate: "/t.crt"}
	there := observe.FileInfo{Type: observe.Regular, Content: []byte(certificate)}
	ours := answer{Fingerprint: observe.Fingerprint([]byte("abc"))}
	for _, test := range []struct {
		name    string
		file    observe.FileInfo
		fileErr error
		answer  answer
		err     error
		from    string // of the edit; empty: none
		want    string // error
	}{
		{name: "converged", file: there, answer: ours},
		{name: "nothing there", answer: answer{Failure: "connection refused"}, from: "nothing: connection refused"},
		{name: "no nginx", file: there, answer: answer{Failure: "connection refused"}, from: "nothing: connection refused"},
		{name: "another certificate", file: there, answer: answer{Fingerprint: "00"}, from: "another certificate"},
		{name: "not a certificate", file: observe.FileInfo{Type: observe.Regular, Content: []byte("x")}, answer: ours, want: "/t.crt is not a certificate in PEM form"},
		{name: "a link", file: observe.FileInfo{Type: observe.Symlink, Target: "x"}, answer: ours},
		{name: "could not read", fileErr: errors.New("Input/output error"), answer: ours, want: "look at /t.crt: Input/output error"},
		{name: "could not ask", file: there, err: errors.New("lost"), want: "ask for the certificate of chat.example.com: lost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, step.question(), test.file, test.fileErr)
			test.answer.Name, test.answer.Address = "chat.example.com", loopback
			tlsProbe.Put(s, step.place(), []answer{test.answer}, test.err)
			c, err := step.Diff(s)
			said, from := "", ""
			if err != nil {
				said = err.Error()
			}
			if len(c.Edits) > 0 {
				from = c.Edits[0].From
			}
			if said != test.want || from != test.from || len(c.Edits) > 1 {
				t.Errorf("error %q, want %q; from %q, want %q", said, test.want, from, test.from)
			}
		})
	}
}

// TestStickyVariable keeps the name of a variable within what nginx has room for.
// TestCompare is about several names at several addresses.
func TestCompare(t *testing.T) {
	t.Parallel()
	const ours, theirs, own = "aa", "bb", "10.0.0.1"
	for _, test := range []struct {
		name   string
		got    []answer
		others []string
		notes  []string
	}{
		{name: "all is well", got: []answer{{Name: "a", Address: loopback, Fingerprint: ours}, {Name: "b", Address: own, Fingerprint: ours}}},
		{
			name: "what browsers refuse",
			got: []answer{
				{Name: "a", Address: loopback, Fingerprint: ours, Unfit: "is for c"},
				{Name: "a", Address: own, Fingerprint: ours, Unfit: "is for c"},
				{Name: "b", Address: loopback, Fingerprint: ours, Unfit: "expired on 2026-11-29"},
			},
			notes: []string{"clients refuse the certificate that they get for a: it is for c", "clients refuse the certificate that they get for b: it expired on 2026-11-29"},
		},
		{
			name:   "a foreign site for the second name",
			got:    []answer{{Name: "a", Address: loopback, Fingerprint: ours}, {Name: "b", Address: loopback, Fingerprint: theirs}, {Name: "b", Address: own, Fingerprint: theirs}},
			others: []string{"https://b: another certificate"},
		},
		{
			name:   "a foreign site on one address",
			got:    []answer{{Name: "a", Address: loopback, Fingerprint: ours}, {Name: "a", Address: own, Fingerprint: theirs}},
			others: []string{"https://a at 10.0.0.1: another certificate"},
		},
		{
			name:  "where nobody comes",
			got:   []answer{{Name: "a", Address: loopback, Fingerprint: ours}, {Name: "a", Address: own, Fingerprint: theirs, Elsewhere: true}},
			notes: []string{"a is served with another certificate at 10.0.0.1, where the DNS leads nobody"},
		},
		{
			name:   "nothing answers",
			got:    []answer{{Name: "a", Address: loopback, Failure: "refused", Plain: "nothing"}, {Name: "b", Address: loopback, Failure: "refused"}, {Name: "b", Address: own, Failure: "refused there"}},
			others: []string{"https://a: nothing: refused"},
		},
		{
			name:  "where sshd does not let us ask",
			got:   []answer{{Name: "a", Address: loopback, Fingerprint: ours}, {Name: "b", Address: loopback, Fingerprint: ours}, {Name: "a", Address: own, Failure: "prohibited"}, {Name: "b", Address: own, Failure: "prohibited"}},
			notes: []string{"nothing answers at 10.0.0.1:443: prohibited"},
		},
		{
			name:  "a foreign site on port 80",
			got:   []answer{{Name: "a", Address: loopback, Fingerprint: ours, Plain: "200 OK"}, {Name: "a", Address: own, Fingerprint: ours, Plain: "200 OK"}},
			notes: []string{"http://a at 127.0.0.1:80 answers with 200 OK, not with a redirect to https"},
		},
	} {
		others, notes := compare(test.got, ours)
		var got []string
		for _, e := range (work{&Served{}, others}).Edits() {
			got = append(got, e.Subject+": "+e.From)
		}
		if diff := cmp.Diff(test.others, got) + cmp.Diff(test.notes, notes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestLeads is about addresses with another certificate: whether the clients of a name come there.
func TestLeads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		dns  []string
		want map[string]bool // of each address: nobody comes there
	}{
		{"the DNS leads there", []string{"10.0.0.1"}, map[string]bool{"10.0.0.1": false, "10.0.0.2": true, "2001:db8::1": true}},
		{"to two of them", []string{"10.0.0.2", "2001:db8::1"}, map[string]bool{"10.0.0.1": true, "10.0.0.2": false, "2001:db8::1": false}},
		{"a router", []string{"203.0.113.7"}, map[string]bool{"10.0.0.1": false, "10.0.0.2": true, "2001:db8::1": false}},
		{"the host's own name", []string{"127.0.0.1"}, map[string]bool{"10.0.0.1": false, "10.0.0.2": true, "2001:db8::1": false}},
		{"nowhere", nil, map[string]bool{"10.0.0.1": false, "10.0.0.2": true, "2001:db8::1": false}},
	} {
		all := place{names: "a", addresses: "10.0.0.1 10.0.0.2 2001:db8::1"}.pairs()
		for i := range all {
			all[i].Fingerprint = strings.Repeat("a", 1+i)
		}
		leads(t.Context(), all, func(context.Context, string) (to []netip.Addr, err error) {
			for _, text := range test.dns {
				to = append(to, netip.MustParseAddr(text))
			}
			return to, nil
		})
		got := make(map[string]bool)
		for _, a := range all[1:] {
			got[a.Address] = a.Elsewhere
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	same := place{names: "a", addresses: "10.0.0.1 10.0.0.2"}.pairs()
	same[2].Failure = "prohibited"
	leads(t.Context(), same, func(context.Context, string) ([]netip.Addr, error) {
		t.Error("the DNS is asked although all is the same")
		return nil, nil
	})
}

// TestPlaces bounds what one look asks.
func TestPlaces(t *testing.T) {
	t.Parallel()
	facts := &observe.Facts{Addresses: strings.Fields("10.0.0.1 2001:db8::1 x 10.0.0.2")}
	if got := Addresses(facts, false); !slices.Equal(got, []string{"10.0.0.1", "10.0.0.2"}) {
		t.Errorf("without IPv6: %q", got)
	}
	if got := Addresses(facts, true); len(got) != 3 || Addresses(nil, true) != nil {
		t.Errorf("with IPv6: %q", got)
	}
	facts.Addresses = strings.Fields(strings.Repeat("10.0.0.1 ", 100))
	names := strings.Repeat("a ", 40)
	got := place{names: names, addresses: strings.Join(Addresses(facts, true), " ")}.pairs()
	if len(got) != mostQuestions || got[39].Address != loopback || got[40].Address != "10.0.0.1" {
		t.Errorf("%d questions, %+v", len(got), got[39:41])
	}
}

// TestAsk asks real servers: one that gives a name of the site somebody else's certificate, and one on one address alone.
func TestAsk(t *testing.T) {
	t.Parallel()
	serve := func(own, other *tls.Certificate) string {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "b.example.com" {
				return other, nil
			}
			return own, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() { _ = new(http.Server).Serve(l) }()
		return l.Addr().String()
	}
	ours, theirs := selfSigned(t), selfSigned(t)
	servers := map[string]string{"127.0.0.1:443": serve(ours, theirs), "10.0.0.1:443": serve(theirs, theirs)}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if servers[address] == "" {
			return nil, errors.New("connection refused")
		}
		return new(net.Dialer).DialContext(ctx, network, servers[address])
	}
	for _, test := range []struct {
		names, addresses string
		want             []string
	}{
		{"a.invalid", "", nil},
		{"a.invalid b.example.com", "", []string{"https://b.example.com: another certificate"}},
		{"a.invalid", "10.0.0.1", []string{"https://a.invalid at 10.0.0.1: another certificate"}},
		{"a.invalid", "10.0.0.9", nil},
	} {
		got, err := ask(t.Context(), dial, place{names: test.names, addresses: test.addresses})
		if err != nil {
			t.Fatal(err)
		}
		others, _ := compare(got, observe.Fingerprint(ours.Certificate[0]))
		var said []string
		for _, e := range (work{&Served{}, others}).Edits() {
			said = append(said, e.Subject+": "+e.From)
		}
		if diff := cmp.Diff(test.want, said); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%s", test.names, test.addresses, diff)
		}
	}
}

// TestOtherAddresses are asked where nginx may have a site for one of them alone, and not otherwise.
func TestOtherAddresses(t *testing.T) {
	t.Parallel()
	own := selfSigned(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*own}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { _ = new(http.Server).Serve(l) }()
	step := &Served{Names: []string{"a.invalid"}, Addresses: []string{"10.0.0.1"}, Certificate: "/t.crt", Plain: true}
	for listen, want := range map[string][]string{
		"443 ssl":          nil,
		"10.0.0.9:443 ssl": {"10.0.0.1:443", "10.0.0.1:80", "127.0.0.1:443", "127.0.0.1:80"},
	} {
		seen := observe.NewSnapshot()
		nginx.PutSites(seen, "/a\tserver", "/a\tlisten "+listen)
		var mu sync.Mutex
		var dialed []string
		got, err := otherProbe.After(t.Context(), func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialed = append(dialed, address)
			return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
		}, step.place(), seen)
		slices.Sort(dialed)
		if diff := cmp.Diff(want, dialed); err != nil || diff != "" || (len(got) > 0) != (want != nil) {
			t.Errorf("listen %s: %+v, %v (-want +got):\n%s", listen, got, err, diff)
		}
		s := observe.NewSnapshot()
		near := []answer{{Name: "a.invalid", Address: loopback}}
		tlsProbe.Put(s, step.near(), near, nil)
		otherProbe.Put(s, step.place(), got, nil)
		if all, err := step.answers(s); err != nil || len(all) != max(1, len(got)) {
			t.Errorf("listen %s: %+v, %v", listen, all, err)
		}
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	c := &x509.Certificate{DNSNames: []string{"a.example.com", "*.b.example.com"}, NotAfter: end}
	for _, test := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"a.example.com", end, ""},
		{"x.b.example.com", end, ""},
		{"c.example.com", end, "is for a.example.com, *.b.example.com"},
		{"a.example.com", end.Add(time.Second), "expired on 2026-11-29"},
	} {
		if got := unfit(c, test.name, test.at); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := unfit(&x509.Certificate{NotAfter: end}, "a.example.com", end); got != "is for no name" {
		t.Error(got)
	}
}

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestPlain asks a real server on port 80's behalf.
func TestPlain(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{"https://a.example.com/": "", "http://b.example.com/": "a redirect to http://b.example.com/", "": "200 OK"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if to != "" && r.Host == "a.example.com" {
				http.Redirect(w, r, to, http.StatusMovedPermanently)
			}
		}))
		dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}
		if got := plain(t.Context(), dial, "a.example.com", loopback); got != want {
			t.Errorf("%q: %q, not %q", to, got, want)
		}
		server.Close()
	}
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
	if got := plain(t.Context(), refused, "a.example.com", loopback); got != "nothing: refused" {
		t.Errorf("%q", got)
	}
}

func TestStickyVariable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"chat.example.com":                  "rcprov_chat_example_com_sticky",
		"chat.of.a.customer.example.com12":  "rcprov_chat_of_a_customer_example_com12_sticky",
		"chat.of.a.customer.example.com123": "rcprov_7aa738424a0cfc21_sticky",
	} {
		if got := stickyVariable(upstreamName(name)); got != want || len(got) > 46 {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
}

func TestUpstreamNamesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{"a.b-c.de", "a-b.c.de", "*.b.de", "any.b.de", "a.b.de"} {
		got := upstreamName(name)
		if strings.ContainsAny(got, ".-*") {
			t.Errorf("%s: %s", name, got)
		}
		seen[got] = name
	}
	if len(seen) != 4 { // a wildcard and its example, which no plan has both
		t.Errorf("%v", seen)
	}
}
