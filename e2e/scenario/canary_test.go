package scenario

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
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
  acme_certificate "files" {
    source          = "files"
    names           = ["canary.example.com"]
    certificate_pem = var.certificate
    key_pem         = var.s.key
  }
}
`

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

// sampler reads the command line and the environment of every process that alice can see, without pause, into a file of hers.
const sampler = `
useradd -m alice
cat >/home/alice/sample <<'END'
n=0
while [ ! -e /run/enough ]; do
	cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | sort -u >>/home/alice/seen
	n=$((n + 1))
	echo "$n" >/home/alice/samples
done
END
setsid setpriv --reuid=alice --regid=alice --clear-groups sh /home/alice/sample </dev/null >/dev/null 2>&1 &
setsid sh -c 'sleep 3' control-of-the-sampler </dev/null >/dev/null 2>&1 &
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
		"content", "twice", "split", "vars", "line", "answer", "options", "check_env", "contains", "matches",
		"env", "stdin", "url", "headers", "body", "regexp",
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
	laptop.Env = []string{"RCPROV_VAR_s=" + value.String(), "RCPROV_VAR_certificate=" + certificate, "RCPROV_VAR_server=" + server.URL}
	for name, text := range map[string]string{"canary.tmpl": "x = ${x}\n", "failing.hcl": hostBlock + failing, "forgotten.hcl": hostBlock + forgotten} {
		if _, err := laptop.WriteFile(name, text); err != nil {
			t.Fatal(err)
		}
	}

	must(t, h, "mkdir -m 0700 /etc/canary && cat >/etc/canary/printed <<'END'\n"+secrets["contains"]+"\n"+secrets["matches"]+"\nEND\n"+sampler)
	places := map[string]string{}
	run := func(exit int, args ...string) {
		t.Helper()
		r, err := laptop.Run(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		if r.Exit != exit {
			t.Fatalf("exit status %d, not %d\n%v", r.Exit, exit, r)
		}
		name := "rcprov " + strings.Join(args, " ")
		places[name+": stdout"], places[name+": stderr"] = r.Stdout, r.Stderr
	}
	run(0, "validate", "plan.hcl")
	run(2, "plan", "plan.hcl")
	run(2, "plan", "plan.hcl", "--json")
	run(0, "apply", "plan.hcl", "--json", "--verbose")
	run(0, "apply", "plan.hcl", "--verbose")
	run(1, "apply", "failing.hcl")
	run(1, "apply", "failing.hcl", "--json")
	laptop.Env = nil
	run(2, "plan", "forgotten.hcl", "--verbose")
	run(0, "apply", "forgotten.hcl", "--json", "--verbose")
	run(0, "history", "forgotten.hcl", "h1")
	run(0, "history", "forgotten.hcl", "h1", "--json")

	// What a run waits for can't be held by a user.
	if out, err := h.Exec(t.Context(), "setpriv --reuid=alice --regid=alice --clear-groups flock -n /run/rcprov/lock true"); err != nil || out.Status == 0 {
		t.Errorf("alice holds the lock: %+v, %v", out, err)
	}

	read := func(place, script string) string {
		t.Helper()
		out, err := h.Must(t.Context(), script)
		if err != nil {
			t.Fatal(err)
		}
		places[place] = out
		return out
	}
	samples := strings.TrimSpace(read("number of samples", "touch /run/enough; sleep 0.3; cat /home/alice/samples"))
	seen := read("processes", "sort -u /home/alice/seen")
	if !strings.Contains(seen, "control-of-the-sampler") {
		t.Error("the sampler does not see what is on command lines")
	}
	read("syslog", "journalctl --no-pager -o cat --all")
	for _, dir := range []string{"/var/lib/rcprov", "/var/cache/rcprov", "/run", "/tmp", "/var/tmp", "/var/log", "/etc/systemd", "/var/cache/debconf/config.dat"} {
		read(dir, "find "+dir+" -xdev -type f -size -20M -exec cat {} + 2>/dev/null || :")
	}
	if !strings.Contains(places["syslog"], `"step":"file.content"`) || !strings.Contains(places["/var/lib/rcprov"], `"step":"file.content"`) {
		t.Error("the journal is not where it is looked for")
	}
	for place, text := range places {
		for name, core := range cores {
			for form, pattern := range canaryForms(core) {
				if i := strings.Index(text, pattern); i >= 0 {
					t.Errorf("%s has the secret %s, %s: ...%q...", place, name, form, text[max(0, i-120):min(len(text), i+120)])
				}
			}
		}
	}
	if core := cores["twice"]; strings.Contains(fmt.Sprint(places), base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(secrets["twice"]))))) {
		t.Errorf("a place has %s in base64 of base64", core)
	}
	t.Logf("%d secrets in %d places and %s samples of all processes", len(cores), len(places), samples)
	if n, err := strconv.Atoi(samples); err != nil || n < 20 {
		t.Errorf("%d samples, %v", n, err)
	}
}

// canaryForms returns what shows that a text has core in some form. Quotes of a shell, JSON and URLs leave letters as they are.
func canaryForms(core string) map[string]string {
	forms := map[string]string{
		"plain": core, "in hexadecimal": hex.EncodeToString([]byte(core)), "letter by letter": strings.Join(strings.Split(core, ""), "-"),
	}
	for offset := range 3 {
		code := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", offset) + core))
		forms[fmt.Sprintf("in base64 after %d bytes", offset)] = code[4 : len(code)-4]
	}
	return forms
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

// elsewhere are the arguments with secrets of modules that need the lab's mirror. Their secrets reach hosts by the same ways: in
// files, by standard input, through a tunnel.
var elsewhere = map[string][]string{
	"acme_certificate":  {"dns_credentials", "eab_hmac"}, // the controller's, for CA and DNS
	"jitsi":             {"bridge_secret", "focus_secret", "token_secret", "turn_secret", "bridge_settings", "focus_settings"},
	"mongod":            {"key_file", "settings"},
	"mongo_replica_set": {"admin_password", "admin_previous_password", "user.password"},
	"rocketchat":        {"mongo_url", "mail_url", "settings", "env", "admin.password"},
}

// TestCanaryHasAll: a new argument that takes secrets has a canary.
func TestCanaryHasAll(t *testing.T) {
	t.Parallel()
	for _, m := range all.Modules() {
		var blocks string
		for _, block := range strings.Split(canary, "\n  "+m.Name+" \"")[1:] {
			block, _, _ = strings.Cut(block, "\n  }\n")
			blocks += block + "\n"
		}
		for _, arg := range secretArgs(reflect.TypeOf(m.NewArgs()).Elem(), "") {
			name := arg[strings.LastIndexByte(arg, '.')+1:]
			if !regexp.MustCompile(`(?m)^ +`+name+` += .*var\.s\b`).MatchString(blocks) && !slices.Contains(elsewhere[m.Name], arg) {
				t.Errorf("%s of %s takes secrets, and the canary has none for it", arg, m.Name)
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
