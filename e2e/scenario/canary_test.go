package scenario

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/all"
)

// canary is a play with a secret in every argument that takes one, of the modules that need no mirror.
const canary = `
variable "s" {
  type      = map(string)
  sensitive = true
}
variable "certificate" {}
variable "server" {}
play "p" {
  hosts = [host.h1]
  file "content" {
    path    = "/etc/canary/content"
    mode    = "0600"
    content = "a = ${var.s.content}\nb = ${base64encode(base64encode(var.s.twice))}\nc = ${join("-", split("", var.s.split))}\n"
  }
  file "vars" {
    path     = "/etc/canary/vars"
    mode     = "0600"
    template = "canary.tmpl"
    vars     = { x = var.s.vars }
  }
  line "line" {
    path   = "/etc/canary/line"
    create = true
    mode   = "0600"
    line   = "password=${var.s.line}"
  }
  block "block" {
    path   = "/etc/canary/block"
    create = true
    mode   = "0600"
    block  = "password=${var.s.block}"
  }
  debconf "answer" {
    package = "canary"
    answer "canary/password" {
      type  = "password"
      value = var.s.answer
    }
  }
  authorized_key "options" {
    user    = "alice"
    key     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMkd4vsb3p2gXoGZ8eR canary"
    options = ["environment=\"X=${replace(var.s.options, "\"", "")}\""]
  }
  check "check" {
    argv     = ["sh", "-c", "test -n \"$S\" && cat /etc/canary/printed"]
    env      = { S = var.s.check_env }
    contains = [var.s.contains]
    matches  = replace(replace(var.s.matches, "$", "[$]"), "+", "[+]")
  }
  command "command" {
    shell   = "printf %s \"$S\" >/etc/canary/env; cat >/etc/canary/stdin; sleep 1"
    env     = { S = var.s.env }
    stdin   = var.s.stdin
    creates = "/etc/canary/stdin"
  }
  http_check "http" {
    url           = "${var.server}/${urlencode(var.s.url)}"
    from          = "controller"
    headers       = { X-Api-Key = base64encode(var.s.headers) }
    body_contains = var.s.body
    body_regexp   = replace(replace(var.s.regexp, "$", "[$]"), "+", "[+]")
  }
  user "user" {
    name          = "bob"
    password_hash = join("", ["$6$rcprovcase$", var.s.hash])
  }
  git "git" {
    repo       = "git@127.0.0.1:canary.git"
    path       = "/srv/canary"
    version    = "1111111111111111111111111111111111111111"
    submodules = false
    key        = var.s.key
  }
  acme_certificate "files" {
    source          = "files"
    names           = ["canary.example.com"]
    certificate_pem = var.certificate
    key_pem         = var.s.key
  }
}
`

// fakeGit makes a program that always has what it is asked for: it is about the key, which a real ssh-agent holds meanwhile.
const fakeGit = `cat >/usr/local/bin/git <<'END'
#!/bin/sh
while [ "$1" = -c ]; do shift 2; done
case $* in
init*) mkdir .git ;;
rev-parse*) echo 1111111111111111111111111111111111111111 ;;
*--get*) echo git@127.0.0.1:canary.git ;;
esac
END
chmod 0755 /usr/local/bin/git`

// failing is a play whose last step prints its secret, plain and in other forms, and fails.
const failing = `
variable "s" {
  type      = map(string)
  sensitive = true
}
play "p" {
  hosts = [host.h1]
  command "fails" {
    shell        = "echo \"$S\" >&2; printf %s \"$S\" | base64 -w0 >&2; printf '\\nA=\\'\\''%s\\'\\''\\n' \"$S\" >&2; exit 3"
    env          = { S = var.s.env }
    changed_when = ["true"]
  }
}
`

// authority is a play whose CA refuses, and repeats all that it was sent.
const authority = `
variable "s" {
  type      = map(string)
  sensitive = true
}
variable "ca" {}
play "p" {
  hosts = [host.h1]
  acme_certificate "dns" {
    names           = ["canary.example.com"]
    directory       = "${var.ca}/directory"
    ca_file         = "ca.pem"
    email           = "me@example.com"
    challenge       = "dns-01"
    dns_provider    = "rfc2136"
    dns_credentials = { RFC2136_NAMESERVER = "127.0.0.1:1", RFC2136_TSIG_KEY = "k", RFC2136_TSIG_SECRET = base64encode(var.s.dns) }
    eab_kid         = "k"
    eab_hmac        = base64encode(var.s.hmac)
  }
}
`

// forgotten is a play that no longer knows what the files held.
const forgotten = `
play "p" {
  hosts = [host.h1]
  file "content" {
    path    = "/etc/canary/content"
    mode    = "0600"
    content = "public\n"
  }
  line "line" {
    path = "/etc/canary/line"
    line = "public"
  }
}
`

// TestCanary: no secret is anywhere but where the plan puts it.
func TestCanary(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, canary)
	plan, err := os.ReadFile(laptop.Home + "/plan.hcl")
	if err != nil {
		t.Fatal(err)
	}
	hostBlock := strings.TrimSuffix(string(plan), canary)

	// Around the letters by which a secret is found there is what shells, JSON and URLs write in another way.
	certificate, key := canaryKey(t)
	secrets := map[string]string{"key": key, "hash": letters(86)}
	cores := map[string]string{"key": strings.Split(key, "\n")[1][:40], "hash": secrets["hash"]}
	for _, name := range []string{
		"content", "twice", "split", "vars", "line", "block", "answer", "options", "check_env", "contains", "matches",
		"env", "stdin", "url", "headers", "body", "regexp", "dns", "hmac",
	} {
		cores[name] = letters(24)
		secrets[name] = `it's "` + cores[name] + `" $x + ü`
	}
	var value strings.Builder
	value.WriteString("{\n")
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		fmt.Fprintf(&value, "  %s = %s\n", name, strings.ReplaceAll(strconv.Quote(secrets[name]), "${", "$${"))
	}
	value.WriteString("}")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, secrets["body"], secrets["regexp"])
	}))
	t.Cleanup(server.Close)
	var refused atomic.Int32
	ca := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused.Add(1)
		http.Error(w, fmt.Sprint(r.Header, secrets["dns"], secrets["hmac"]), http.StatusForbidden)
	}))
	t.Cleanup(ca.Close)
	laptop.Env = []string{"RCPROV_VAR_s=" + value.String(), "RCPROV_VAR_certificate=" + certificate, "RCPROV_VAR_server=" + server.URL, "RCPROV_VAR_ca=" + ca.URL}
	for name, text := range map[string]string{"canary.tmpl": "x = ${x}\n", "ca.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw})), "failing.hcl": hostBlock + failing, "authority.hcl": hostBlock + authority, "forgotten.hcl": hostBlock + forgotten} {
		if _, err := laptop.WriteFile(name, text); err != nil {
			t.Fatal(err)
		}
	}

	must(t, h, "mkdir -m 0700 /etc/canary && cat >/etc/canary/printed <<'END'\n"+secrets["contains"]+"\n"+secrets["matches"]+"\nEND")
	must(t, h, fakeGit)
	look := newLookout(t, h, 0)
	run := func(exit int, args ...string) {
		t.Helper()
		r, err := laptop.Run(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		if r.Exit != exit {
			t.Fatalf("exit status %d, not %d\n%v", r.Exit, exit, r)
		}
		look.keep(r)
	}
	run(0, "validate", "plan.hcl")
	run(2, "plan", "plan.hcl")
	run(2, "plan", "plan.hcl", "--json")
	run(0, "apply", "plan.hcl", "--json", "--verbose")
	run(0, "apply", "plan.hcl", "--verbose")
	run(1, "apply", "failing.hcl")
	run(1, "apply", "failing.hcl", "--json")
	run(1, "apply", "authority.hcl", "--verbose")
	run(1, "apply", "authority.hcl", "--json")
	laptop.Env = nil
	run(2, "plan", "forgotten.hcl", "--verbose")
	run(0, "apply", "forgotten.hcl", "--json", "--verbose")
	run(0, "history", "forgotten.hcl", "h1")
	run(0, "history", "forgotten.hcl", "h1", "--json")

	// What a run waits for can't be held by a user.
	if out, err := h.Exec(t.Context(), "setpriv --reuid=alice --regid=alice --clear-groups flock -n /run/rcprov/lock true"); err != nil || out.Status == 0 {
		t.Errorf("alice holds the lock: %+v, %v", out, err)
	}
	if refused.Load() == 0 {
		t.Errorf("the CA was not asked: %v", look.places)
	}
	look.enough()
	look.search(`"step":"file.content"`, cores)
	if core := cores["twice"]; strings.Contains(fmt.Sprint(look.places), base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(secrets["twice"]))))) {
		t.Errorf("a place has %s in base64 of base64", core)
	}
}

func letters(n int) string {
	var text string
	for len(text) < n {
		text += rand.Text()
	}
	return text[:n]
}

// canaryKey returns a certificate and its key in PEM.
func canaryKey(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "canary.example.com"}, DNSNames: []string{"canary.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// guarded returns all plans that a test applies while it looks out for the secrets in them, which are var.s.NAME.
func guarded(t *testing.T) string {
	t.Helper()
	jitsi, err := os.ReadFile("../../plans/jitsi.hcl")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := os.ReadFile("../../plans/lib/calls/main.hcl")
	if err != nil {
		t.Fatal(err)
	}
	all := canary + authority + denoPlan
	meet, library := withSettings(string(jitsi), string(calls))
	meet += strings.ReplaceAll(library, "\n", "\n  ") // as in a play
	for _, name := range meetSecrets {
		meet = regexp.MustCompile(`\bvar\.`+name+`\b`).ReplaceAllString(meet, "var.s."+name)
	}
	return all + meet
}

// TestCanaryHasAll: a test looks out for a secret in each argument that takes one, also in a new one.
func TestCanaryHasAll(t *testing.T) {
	t.Parallel()
	plans := guarded(t)
	for _, m := range all.Modules() {
		var blocks string
		for _, block := range strings.Split(plans, "\n  "+m.Name+" \"")[1:] {
			block, _, _ = strings.Cut(block, "\n  }\n")
			blocks += block + "\n"
		}
		for _, arg := range secretArgs(reflect.TypeOf(m.NewArgs()).Elem(), "") {
			name := arg[strings.LastIndexByte(arg, '.')+1:]
			if !regexp.MustCompile(`(?m)^ +` + name + ` += .*var\.s\b`).MatchString(blocks) {
				t.Errorf("%s of %s takes secrets, and no test looks out for one there", arg, m.Name)
			}
		}
	}
}

// secretArgs returns the arguments of an Args struct that take secrets, those of its blocks as "block.argument".
func secretArgs(args reflect.Type, prefix string) []string {
	var names []string
	for field := range args.Fields() {
		name, kind, _ := strings.Cut(field.Tag.Get("hcl"), ",")
		switch {
		case name == "":
		case kind == "block":
			block := field.Type
			for block.Kind() != reflect.Struct {
				block = block.Elem()
			}
			names = append(names, secretArgs(block, prefix+name+".")...)
		case modules.TakesSecrets(field):
			names = append(names, prefix+name)
		}
	}
	return names
}
