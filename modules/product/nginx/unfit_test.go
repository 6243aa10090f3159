package nginx

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// TestUnfit runs the script on sites with certificates of all kinds, made by the real openssl.
func TestUnfit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl")
	}
	dir := t.TempDir()
	sh := func(script string) string {
		t.Helper()
		out, err := exec.Command("sh", "-euc", script, "sh", dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.ReplaceAll(strings.TrimSpace(string(out)), dir, "")
	}
	sh(`cd "$1" && mkdir conf.d && for name in a b; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=$name -keyout $name.key -out $name.crt 2>/dev/null
	done`)
	site := func(name, first, certificate, key string) {
		text := first + "\nserver {\n\tssl_certificate     " + dir + certificate + ";\n\tssl_certificate_key " + dir + key + ";\n}\n"
		if err := os.WriteFile(filepath.Join(dir, "conf.d", name+".conf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	site("fits", Header, "/a.crt", "/a.key")
	site("key", Header, "/a.crt", "/b.key")
	site("mine", "# mine", "/a.crt", "/b.key")
	site("gone", Header, "/none.crt", "/a.key")
	site("keyless", Header, "/b.crt", "/none.key")
	sh(`cd "$1" && cat a.crt b.crt >both.crt && { cat a.crt; head -n 4 b.crt; } >cut.crt`)
	site("chain", Header, "/both.crt", "/a.key")
	site("cut", Header, "/cut.crt", "/a.key")
	script := shell.Script(unfitScript, shell.Vars{"header": Header, "etc": dir, "run": dir})
	want := []unfitSite{
		{"/conf.d/cut.conf", "/cut.crt", "/a.key", "a certificate behind the first is damaged"},
		{"/conf.d/gone.conf", "/none.crt", "/a.key", "there is no certificate"},
		{"/conf.d/key.conf", "/a.crt", "/b.key", "its key does not belong to its certificate"},
		{"/conf.d/keyless.conf", "/b.crt", "/none.key", "there is no key"},
	}
	if diff := cmp.Diff(want, parseUnfit(strings.Split(sh(script), "\n"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Without openssl, the files that are missing count.
	missing := []unfitSite{want[1], want[3]}
	without := strings.ReplaceAll(script, "command -v openssl", "command -v no-openssl")
	if diff := cmp.Diff(missing, parseUnfit(strings.Split(sh(without), "\n"))); diff != "" {
		t.Errorf("missing files (-want +got):\n%s", diff)
	}
	// The number of a process that is not nginx, left by a crash.
	if err := os.WriteFile(filepath.Join(dir, "nginx.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := parseUnfit(strings.Split(sh(script), "\n")); len(got) != len(want) {
		t.Errorf("with the number of another process: %+v", got)
	}
}

func FuzzParseUnfit(f *testing.F) {
	f.Add("/a\t/b\t/c\twhy\n\t\t\t\n/a\t")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range parseUnfit(strings.Split(text, "\n")) {
			if s.Path == "" {
				t.Errorf("%q: a site without a path", text)
			}
		}
	})
}

// TestAside moves a site away, unless an earlier step mends its certificate.
func TestAside(t *testing.T) {
	t.Parallel()
	step := &Aside{}
	seen := func() *observe.Snapshot {
		s := observe.NewSnapshot()
		unfit.Put(s, struct{}{}, []unfitSite{{Dir + "/a.conf", "/a.crt", "/a.key", "there is no key"}}, nil)
		return s
	}
	c, err := step.Diff(seen())
	want := []modules.Edit{{Action: modules.Remove, Subject: Dir + "/a.conf"}}
	if diff := cmp.Diff(want, c.Edits); err != nil || diff != "" || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "there is no key (/a.crt, /a.key)") {
		t.Errorf("%v, %q, edits (-want +got):\n%s", err, c.Notes, diff)
	}
	for _, path := range []string{"/a.crt", "/a.key"} {
		s := seen()
		s.Forecast().Write(path, observe.NewContent, nil)
		if c, err := step.Diff(s); err != nil || !c.Empty() {
			t.Errorf("%s is written before: %+v, %v", path, c.Edits, err)
		}
	}
}
