package scenario

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// A lookout keeps what rcprov prints, and what an ordinary user of a host sees while rcprov works there.
type lookout struct {
	t       *testing.T
	host    *lab.Host
	places  map[string]string
	samples int // of all processes
}

// sampler has alice read the command line and the environment of every process that she can see, into a file of hers.
const sampler = `
useradd -m alice
cat >/home/alice/sample <<'END'
n=0
while [ ! -e /run/enough ]; do
	cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | sort -u >>/home/alice/seen
	n=$((n + 1))
	echo "$n" >/home/alice/samples
	sleep PAUSE
done
END
setsid setpriv --reuid=alice --regid=alice --clear-groups sh /home/alice/sample </dev/null >/dev/null 2>&1 &
setsid sh -c 'sleep 3' control-of-the-sampler </dev/null >/dev/null 2>&1 &
`

// newLookout has alice look at the host's processes, with a pause between two looks.
func newLookout(t *testing.T, h *lab.Host, pause time.Duration) *lookout {
	t.Helper()
	must(t, h, strings.Replace(sampler, "PAUSE", fmt.Sprint(pause.Seconds()), 1))
	return &lookout{t: t, host: h, places: map[string]string{}}
}

// keep keeps what rcprov printed.
func (l *lookout) keep(r rcprov.Run) {
	name := fmt.Sprintf("%d: rcprov %s", len(l.places), strings.Join(r.Args, " "))
	l.places[name+": stdout"], l.places[name+": stderr"] = r.Stdout, r.Stderr
}

// read keeps what a script prints on the host.
func (l *lookout) read(place, script string) string {
	l.t.Helper()
	out, err := l.host.Must(l.t.Context(), script)
	if err != nil {
		l.t.Fatal(err)
	}
	l.places[place] = out
	return out
}

// enough ends alice's looks.
func (l *lookout) enough() {
	l.t.Helper()
	samples := strings.TrimSpace(l.read("number of samples", "touch /run/enough; sleep 0.5; cat /home/alice/samples"))
	if !strings.Contains(l.read("processes", "sort -u /home/alice/seen"), "control-of-the-sampler") {
		l.t.Error("the sampler does not see what is on command lines")
	}
	var err error
	if l.samples, err = strconv.Atoi(samples); err != nil || l.samples < 20 {
		l.t.Errorf("%s samples, %v", samples, err)
	}
}

// search searches what was kept, and the host's journals and files that are nobody's place for a secret, for secrets in plain and other
// forms. inJournal is a text that proves that the journal is among them.
func (l *lookout) search(inJournal string, secrets map[string]string) {
	l.t.Helper()
	l.read("syslog", "journalctl --no-pager -o cat --all")
	for _, dir := range []string{"/var/lib/rcprov", "/var/cache/rcprov", "/run", "/tmp", "/var/tmp", "/var/log", "/etc/systemd", "/var/cache/debconf/config.dat"} {
		l.read(dir, "find "+dir+" -xdev -type f -size -20M -exec cat {} + 2>/dev/null || :")
	}
	if !strings.Contains(l.places["syslog"], inJournal) || !strings.Contains(l.places["/var/lib/rcprov"], inJournal) {
		l.t.Error("the journal is not where it is looked for")
	}
	for place, text := range l.places {
		for name, secret := range secrets {
			for form, pattern := range canaryForms(secret) {
				if i := strings.Index(text, pattern); i >= 0 {
					l.t.Errorf("%s has the secret %s, %s: ...%q...", place, name, form, text[max(0, i-120):min(len(text), i+120)])
				}
			}
		}
	}
	l.t.Logf("%d secrets in %d places and %d samples of all processes", len(secrets), len(l.places), l.samples)
}

// canaryForms returns what shows that a text has core in some form. Quotes of a shell, JSON and URLs leave letters as they are.
func canaryForms(core string) map[string]string {
	forms := map[string]string{
		"plain": core, "in a URL": url.QueryEscape(core), "in hexadecimal": hex.EncodeToString([]byte(core)),
		"letter by letter": strings.Join(strings.Split(core, ""), "-"),
	}
	for offset := range 3 {
		code := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", offset) + core))
		forms[fmt.Sprintf("in base64 after %d bytes", offset)] = code[4 : len(code)-4]
	}
	return forms
}
