package acmecertificate

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const oneDay = 24 * time.Hour

// A fault is what goes wrong during some days of TestYear.
type fault struct {
	name   string
	from   func(*year) bool // reports whether it begins; asked after each run
	lasts  time.Duration
	fails  bool // whether runs meanwhile must fail where they have something to do
	absent bool // the timer doesn't run
	files  []string
	begin  func(*year)

	began time.Time
	over  bool
}

// year is a host with the timer's script, a clock, and a CA.
type year struct {
	t   *testing.T
	dir string

	now        time.Time
	ca         *authority
	serial     int64
	disk       *x509.Certificate // what the stand-in of lego put there last
	next       *authority
	urgent     *big.Int // the serial of a certificate that the CA is going to revoke
	ofLife     float64  // how much of the lifetime is over when the CA suggests to renew; 0: it suggests nothing
	renewals   int
	reloads    int
	runs       int
	failedRuns int
	worst      time.Duration // left of what is served
	worstAt    time.Time
}

func (y *year) in(name string) string { return filepath.Join(y.dir, name) }

func (y *year) write(name, text string, mode os.FileMode) {
	y.t.Helper()
	if err := os.WriteFile(y.in(name), []byte(text), mode); err != nil {
		y.t.Fatal(err)
	}
}

func (y *year) read(name string) string {
	y.t.Helper()
	text, err := os.ReadFile(y.in(name))
	if err != nil {
		y.t.Fatal(err)
	}
	return string(text)
}

// certificate makes what the CA issues now: for 45 days.
func (y *year) certificate() *authority {
	y.serial++
	return issue(y.t, y.ca, "chat.example.com", 0, 45*oneDay, func(c *x509.Certificate) {
		// A large serial number: the highest bit is set for each second one.
		c.SerialNumber = new(big.Int).Add(new(big.Int).Lsh(big.NewInt(127+y.serial%2), 120), big.NewInt(y.serial))
		c.NotBefore, c.NotAfter = y.now.Add(-time.Hour), y.now.Add(45*oneDay-time.Hour)
	})
}

// ServeHTTP is the CA: its directory and its suggestions when to renew (RFC 9773).
func (y *year) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := os.Stat(y.in("ca-down")); err == nil {
		http.Error(w, "<html>maintenance</html>", http.StatusServiceUnavailable)
		return
	}
	_, number, about := strings.Cut(strings.TrimPrefix(r.URL.Path, "/renewal/"), ".")
	switch {
	case r.URL.Path == "/dir" && y.ofLife == 0:
		_, _ = fmt.Fprint(w, `{"newOrder": "https://x"}`)
	case r.URL.Path == "/dir":
		_, _ = fmt.Fprintf(w, "{\n  \"newOrder\": \"https://x\",\n  \"renewalInfo\": \"https://%s/renewal\"\n}\n", r.Host)
	case about:
		bytes, err := base64.RawURLEncoding.DecodeString(number)
		if err != nil || new(big.Int).SetBytes(bytes).Cmp(y.disk.SerialNumber) != 0 || bytes[0] > 127 {
			http.Error(w, "unknown", http.StatusNotFound)
			return
		}
		start := y.disk.NotBefore.Add(time.Duration(y.ofLife * float64(45*oneDay)))
		if y.urgent != nil && y.urgent.Cmp(y.disk.SerialNumber) == 0 {
			start = y.now.Add(-2 * oneDay)
		}
		w.Header().Set("Retry-After", "21600")
		_, _ = fmt.Fprintf(w, `{"suggestedWindow": {"start": %q, "end": %q}}`, start.UTC().Format("2006-01-02T15:04:05.5Z07:00"), start.Add(oneDay).UTC().Format(time.RFC3339))
	default:
		http.NotFound(w, r)
	}
}

// served is the certificate that clients get.
func (y *year) served() *x509.Certificate {
	block, _ := pem.Decode([]byte(y.read("loaded")))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		y.t.Fatal(err)
	}
	return c
}

// look fails the test if what is served has ended.
func (y *year) look() {
	y.t.Helper()
	left := y.served().NotAfter.Sub(y.now)
	if left < y.worst {
		y.worst, y.worstAt = left, y.now
	}
	if left <= 0 {
		y.t.Fatalf("on %s clients get a certificate that ended %s ago", day(y.now), -left)
	}
}

// run is one run of the timer; it reports whether the unit succeeds.
func (y *year) run() bool {
	y.t.Helper()
	y.next = y.certificate()
	y.write("next", y.next.pem+y.next.keyPEM(), 0o600)
	y.write("log", "", 0o600)
	y.write("clock", strconv.FormatInt(y.now.Unix(), 10)+"\n", 0o600)
	command := exec.Command("sh", y.in("script"))
	command.Env = []string{"PATH=" + y.dir + ":" + os.Getenv("PATH")}
	output, err := command.CombinedOutput()
	log := y.read("log")
	if strings.Contains(log, "renewed") {
		y.renewals++
		y.disk = y.next.certificate
	}
	y.reloads += strings.Count(log, "reload")
	y.runs++
	if err != nil {
		y.failedRuns++
	}
	y.look()
	y.write("output", string(output), 0o600)
	return err == nil
}

// newYear sets up the host. Real are the script, openssl, curl and TLS; a clock that the test turns takes the place of `date +%s`,
// from which the script has the time. lego gets what the test calls the CA's next certificate, and a reload lets the server read
// what is on disk.
func newYear(t *testing.T) *year {
	t.Helper()
	y := &year{t: t, dir: t.TempDir(), now: time.Date(2027, 1, 1, 3, 0, 0, 0, time.UTC), worst: 45 * oneDay, ofLife: 0.6}
	y.ca = issue(t, nil, "Some CA", 0, 20*365*oneDay, nil)
	first := y.certificate()
	y.disk = first.certificate
	y.write("disk", first.pem+first.keyPEM(), 0o600)
	y.write("loaded", first.pem+first.keyPEM(), 0o600)
	date, err := exec.LookPath("date")
	if err != nil {
		t.Fatal(err)
	}
	y.write("date", "#!/bin/sh\nif [ \"$*\" = +%s ]; then exec cat "+y.in("clock")+"; fi\nexec "+date+" \"$@\"\n", 0o755)
	y.write("lego", "#!/bin/sh\nif test -e "+y.in("ca-down")+"; then exit 1; fi\necho renewed >>"+y.in("log")+"\ncp "+y.in("next")+" "+y.in("disk")+"\n", 0o755)
	y.write("systemctl", "#!/bin/sh\necho reload >>"+y.in("log")+"\nif test -e "+y.in("reload-fails")+"; then rm "+y.in("reload-fails")+"; exit 1; fi\n"+
		"if test -e "+y.in("reload-does-nothing")+"; then exit 0; fi\ncp "+y.in("disk")+" "+y.in("loaded")+"\n", 0o755)
	y.write("sleep", "#!/bin/sh\n", 0o755)

	ca := httptest.NewTLSServer(y)
	t.Cleanup(ca.Close)
	y.write("roots.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw})), 0o600)
	args := defaults(fromACME)
	args.Email, args.ServedAt, args.Directory = "admin@example.com", []string{serveLoaded(t, y.in)}, ca.URL+"/dir"
	i := newIssue(args, Pair{Certificate: y.in("disk")}, nil)
	script := scriptText(args, i, y.in("roots.pem"), env())
	y.write("script", strings.NewReplacer("/usr/bin/lego", y.in("lego"), "/var/lib/rcprov/served", y.in("stamps")).Replace(script), 0o755)
	return y
}

// TestYear runs the timer's script through a year of a clock that the test turns, with certificates for 45 days: what goes wrong
// meanwhile is mended by itself, and clients never get a certificate that has ended. The test logs a table.
func TestYear(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"openssl", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("NOT RUN: there is no " + tool)
		}
	}
	y := newYear(t)
	after := func(renewals int) func(*year) bool {
		return func(y *year) bool { return y.renewals >= renewals }
	}
	// due begins a fault right before the nth renewal.
	due := func(n int) func(*year) bool {
		left := 15 * oneDay
		if y.ofLife > 0 {
			left = time.Duration((1 - y.ofLife) * float64(45*oneDay))
		}
		return func(y *year) bool { return y.renewals == n-1 && y.disk.NotAfter.Sub(y.now) < left+5*oneDay }
	}
	faults := []*fault{
		{name: "the CA is down for 10 days when a renewal is due", from: due(2), lasts: 10 * oneDay, files: []string{"ca-down"}, fails: true},
		{name: "a reload fails once, after a renewal", from: due(3), lasts: 7 * oneDay, files: []string{"reload-fails"}, fails: true},
		{name: "reloads have no effect for 7 days, after a renewal", from: due(4), lasts: 7 * oneDay, files: []string{"reload-does-nothing"}, fails: true},
		{name: "the CA is going to revoke a certificate", from: after(4), lasts: oneDay, begin: func(y *year) { y.urgent = y.disk.SerialNumber }},
		{name: "the CA has no suggestions any more", from: after(5), lasts: oneDay, begin: func(y *year) { y.ofLife = 0 }},
		{name: "the host is off for 12 days when a renewal is due", from: due(6), lasts: 12 * oneDay, absent: true},
		{name: "nginx has an old certificate again", from: after(7), lasts: oneDay, begin: func(y *year) {
			old := y.certificate()
			y.write("loaded", old.pem+old.keyPEM(), 0o600)
		}},
		{name: "nginx is stopped for 2 days", from: after(8), lasts: 2 * oneDay, files: []string{"server-stopped"}, fails: true},
	}
	random := rand.New(rand.NewPCG(1, 2))
	start, midnight := y.now, y.now.Truncate(oneDay)
	var table strings.Builder
	active := (*fault)(nil)
	var at struct{ renewals, reloads, failed, runs int }
	for y.now.Before(start.AddDate(1, 0, 0)) {
		midnight = midnight.Add(oneDay)
		if active == nil {
			midnight = midnight.Add(3 * oneDay) // nothing goes wrong: fewer runs must do
		}
		y.now = midnight.Add(time.Duration(random.Int64N(int64(6 * time.Hour)))) // RandomizedDelaySec
		if active != nil && active.absent {
			y.look()
		} else if ok := y.run(); !ok && (active == nil || !active.fails) {
			t.Errorf("on %s the unit failed for no reason:\n%s", day(y.now), y.read("output"))
		}
		if active != nil && !y.now.Before(active.began.Add(active.lasts)) {
			for _, name := range active.files {
				_ = os.Remove(y.in(name)) // it may have gone by itself
			}
			failed := y.failedRuns - at.failed
			if active.fails && failed == 0 {
				t.Errorf("%s, and no run failed", active.name)
			}
			fmt.Fprintf(&table, "%s  %-56s %3d runs, %2d failed, %d renewals, %d reloads\n", day(active.began), active.name,
				y.runs-at.runs, failed, y.renewals-at.renewals, y.reloads-at.reloads)
			active.over, active = true, nil
		}
		for _, f := range faults {
			if active == nil && !f.over && f.from(y) {
				active = f
				f.began = y.now
				at.renewals, at.reloads, at.failed, at.runs = y.renewals, y.reloads, y.failedRuns, y.runs
				for _, name := range f.files {
					y.write(name, "", 0o600)
				}
				if f.begin != nil {
					f.begin(y)
				}
			}
		}
	}
	provoked := 0
	for _, f := range faults {
		if f.over {
			provoked++
		} else {
			t.Errorf("not provoked within the year: %s", f.name)
		}
	}
	t.Logf("%s to %s, certificates for 45 days, a run every fourth day, each day while something is wrong\n%s%d runs of which %d failed; %d renewals, %d reloads, %d failures provoked; "+
		"at worst, on %s, what was served was valid for %.1f more days", day(start), day(y.now), table.String(), y.runs, y.failedRuns, y.renewals, y.reloads,
		provoked, day(y.worstAt), y.worst.Hours()/24)
}
