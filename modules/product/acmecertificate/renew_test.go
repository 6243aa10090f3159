package acmecertificate

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serveLoaded is nginx: a server of the pair in the file `loaded`, which is closed while there is one named `server-stopped`. It
// returns its address.
func serveLoaded(t *testing.T, in func(string) string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			certificate, err := tls.LoadX509KeyPair(in("loaded"), in("loaded"))
			if _, stopped := os.Stat(in("server-stopped")); err == nil && stopped != nil {
				_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake() // the client sees it
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// TestRenew runs the timer's script again and again with a real openssl and a real server in nginx's place. lego, systemctl
// and sleep are stand-ins: lego puts what the test calls the CA's next certificate there, a reload lets the server read what
// is on disk, and either fails while a file says so.
func TestRenew(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl")
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(in(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	pair := func(remains time.Duration) string {
		c := issue(t, nil, "chat.example.com", time.Since(now)+quarter-remains, quarter, nil)
		return c.pem + c.keyPEM()
	}
	fresh, due := pair(quarter-time.Hour), pair(quarter/4)
	write("lego", "#!/bin/sh\necho lego >>"+in("log")+"\n! test -e "+in("lego-fails")+" && cp "+in("next")+" "+in("disk")+"\n", 0o755)
	write("systemctl", `#!/bin/sh
echo "$*" >>`+in("log")+"\nif test -e "+in("reload-fails")+"; then exit 1; fi\ntest -e "+in("reload-does-nothing")+" || cp "+in("disk")+" "+in("loaded")+"\n", 0o755)
	write("sleep", "#!/bin/sh\n", 0o755)
	date, err := exec.LookPath("date")
	if err != nil {
		t.Fatal(err)
	}
	// That of uutils reads no dates as openssl prints them for people.
	write("date", "#!/bin/sh\ncase $* in *GMT*) exit 1 ;; esac\nexec "+date+" \"$@\"\n", 0o755)

	args := defaults(fromACME)
	args.Email, args.ServedAt = "admin@example.com", []string{serveLoaded(t, in)}
	script := scriptText(args, newIssue(args, Pair{Certificate: in("disk")}, nil), "", env())
	write("script", strings.NewReplacer("/usr/bin/lego", in("lego"), "/var/lib/rcprov/served", in("served")).Replace(script), 0o755)

	const reload = "try-reload-or-restart nginx.service\n"
	for _, step := range []struct {
		name   string
		before map[string]string // files to write; "" removes one
		does   string            // calls of lego and systemctl
		fails  string            // "" if the unit succeeds
	}{
		{name: "first run", before: map[string]string{"disk": fresh, "loaded": fresh}, does: reload},
		{name: "nothing to do"},
		{
			name: "renewed, and the reload fails", before: map[string]string{"disk": due, "loaded": due, "next": fresh, "reload-fails": "x"},
			does: "lego\n" + reload, fails: "nginx.service can't be reloaded, to serve ",
		},
		{name: "it fails again, though nothing is due", does: reload, fails: "nginx.service can't be reloaded, to serve "},
		{name: "it is tried again", before: map[string]string{"reload-fails": ""}, does: reload},
		{name: "served", does: ""},
		{name: "an old one is served", before: map[string]string{"loaded": pair(quarter / 2)}, does: reload},
		{
			name: "a reload without effect", before: map[string]string{"loaded": due, "reload-does-nothing": "x"},
			does: reload, fails: "another certificate than " + in("disk") + " is served for chat.example.com at ",
		},
		{
			name: "nothing is served", before: map[string]string{"loaded": "none"},
			does: reload, fails: "no certificate is served for chat.example.com at ",
		},
		{
			name: "the CA refuses", before: map[string]string{"disk": due, "loaded": due, "lego-fails": "x", "reload-does-nothing": ""},
			does: "lego\n" + reload, fails: in("disk") + " is not renewed; it expires on ",
		},
		{name: "it refuses again", does: "lego\n", fails: in("disk") + " is not renewed; it expires on "},
		{name: "no certificate", before: map[string]string{"disk": "garbled"}, fails: "can't tell the date notAfter of " + in("disk")},
		{
			name: "a date that nobody understands", before: map[string]string{"disk": fresh, "date": "#!/bin/sh\necho \"date: invalid date\" >&2; exit 1\n"},
			fails: "can't tell the date notAfter of " + in("disk"),
		},
	} {
		for name, text := range step.before {
			if text == "" {
				if err := os.Remove(in(name)); err != nil {
					t.Fatal(err)
				}
				continue
			}
			write(name, text, 0o755)
		}
		write("log", "", 0o600)
		run := exec.Command("sh", in("script"))
		run.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
		output, err := run.CombinedOutput()
		if (err == nil) != (step.fails == "") || !strings.Contains(string(output), step.fails) {
			t.Errorf("%s: %v, want the failure %q:\n%s", step.name, err, step.fails, output)
		}
		if log, err := os.ReadFile(in("log")); err != nil || string(log) != step.does {
			t.Errorf("%s: called %q, %v; want %q\n%s", step.name, log, err, step.does, output)
		}
	}
}
