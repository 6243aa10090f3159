package scenario

import (
	"encoding/base64"
	"flag"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"golang.org/x/tools/txtar"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestErrors provokes one error for each file testdata/*.txtar on a real host, and compares all that apply says.
// A file has a comment and the sections
//
//	serve/... files that the host serves at http://ADDRESS:8123, from before on
//	setup     shell on the host before, as root
//	laptop    shell on the laptop before, with $HOME as the laptop's and $PORT, $ADDRESS, $KEY of the host
//	plan.hcl  the plan; a host block "h1" is added unless it has one; @ADDRESS@, @PORT@, @KEY@, @HOME@, and @DNS@, a name
//	          server (see startDNS), are filled in, and local.mirror is known (mirror.Mirror.Locals)
//	run       the command and its exit status, "apply 1" when left out
//	after     shell on the host afterwards, which must exit with 0: what state was left
//	want      what it prints, standard output and error
//
// What differs from run to run is replaced in the output: see scrub.
func TestErrors(t *testing.T) {
	t.Parallel()
	labtest.Require(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	image, ran := labtest.Images(t)[0], labtest.Counts(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ran()
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := provoke(t, image, archive)
			if *update {
				setSection(archive, "want", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(section(archive, "want"), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// provoke plays a file on a fresh host and returns what apply printed.
func provoke(t *testing.T, image string, archive *txtar.Archive) string {
	ctx := t.Context()
	h := labtest.Launch(t, image)
	laptop, err := rcprov.NewLaptop(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Must(ctx, "set -e\n"+serve(archive)+section(archive, "setup")); err != nil {
		t.Fatal(err)
	}
	if script := section(archive, "laptop"); script != "" {
		cmd := laptop.Shell(ctx, script)
		cmd.Env = append(cmd.Env, "ADDRESS="+h.Address, "PORT="+strconv.Itoa(h.Port), "KEY="+h.KeyFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("laptop: %v\n%s", err, out)
		}
	}
	text := strings.NewReplacer("@ADDRESS@", h.Address, "@PORT@", strconv.Itoa(h.Port), "@KEY@", h.KeyFile, "@HOME@", laptop.Home, "@DNS@", startDNS(t, h.Address)).
		Replace(section(archive, "plan.hcl"))
	if !strings.Contains(text, "\nhost \"") && !strings.HasPrefix(text, "host \"") {
		text += "\n" + rcprov.HostBlock(h, "h1")
	}
	url := "" // of the mirror
	if strings.Contains(text, "local.mirror") {
		m, err := theMirror()
		if err != nil {
			t.Fatal(err)
		}
		locals, err := m.Locals()
		if err != nil {
			t.Fatal(err)
		}
		text, url = text+"\n"+locals, m.URL
	}
	if _, err := laptop.WriteFile("plan.hcl", text); err != nil {
		t.Fatal(err)
	}
	command, exit := "apply", 1
	if run := section(archive, "run"); run != "" {
		if _, err := fmt.Sscan(run, &command, &exit); err != nil {
			t.Fatalf("run: %v", err)
		}
	}
	r, err := laptop.Run(ctx, command, "plan.hcl", "--no-color")
	if err != nil {
		t.Fatal(err)
	}
	if r.Exit != exit {
		t.Errorf("exit status %d, not %d\n%v", r.Exit, exit, r)
	}
	if after := section(archive, "after"); after != "" {
		if _, err := h.Must(ctx, "set -e\n"+after); err != nil {
			t.Errorf("state left: %v", err)
		}
	}
	printed := r.Stdout + r.Stderr
	if url != "" {
		printed = strings.ReplaceAll(printed, url, "MIRROR")
	}
	return scrub(printed, h, laptop)
}

// serve returns shell that serves the files of the sections serve/... with what every Debian has.
func serve(archive *txtar.Archive) string {
	var script strings.Builder
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "serve/"); ok {
			encoded := base64.StdEncoding.EncodeToString(f.Data)
			fmt.Fprintf(&script, "mkdir -p /srv/%s\necho %s | base64 -d >/srv/%s\n", path.Dir(name), encoded, name)
		}
	}
	if script.Len() == 0 {
		return ""
	}
	return script.String() + `cat >/srv/serve.pl <<'END'
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalPort => 8123, Listen => 5, ReuseAddr => 1) or die;
while (my $client = $listener->accept) {
  my ($path) = <$client> =~ m{^GET /([^ ?]*)};
  while (<$client>) { last if /^\r?$/ }
  if (open my $file, "<:raw", "/srv/$path") {
    my $content = do { local $/; <$file> };
    print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($content) . "\r\nConnection: close\r\n\r\n$content";
  } else {
    print $client "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }
  close $client;
}
END
systemd-run --quiet --unit=serve perl /srv/serve.pl
until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8123")'; do sleep 0.1; done
`
}

// startDNS starts a name server for the test: h1.lab.test leads to address, elsewhere.lab.test and other.lab.test to
// a public and a private address of others, and there are no more names. It returns its own address.
func startDNS(t *testing.T, address string) string {
	t.Helper()
	records := map[string]string{"h1.lab.test.": address, "elsewhere.lab.test.": "192.0.2.1", "other.lab.test.": "10.255.255.254"}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		reply := new(dns.Msg).SetReply(question)
		name := question.Question[0].Name
		if to, known := records[name]; !known {
			reply.Rcode = dns.RcodeNameError
		} else if question.Question[0].Qtype == dns.TypeA {
			reply.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(to)}}
		}
		_ = w.WriteMsg(reply) // a lost reply is asked for again
	})}
	go func() { _ = server.ActivateAndServe() }() // until the end of the test
	t.Cleanup(func() { _ = server.Shutdown() })
	return conn.LocalAddr().String()
}

var (
	fingerprint = regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`)
	scriptLine  = regexp.MustCompile(`\bsh: \d+:`)
	tries       = regexp.MustCompile(`\btried \d+ times\b`)
	duration    = regexp.MustCompile(`\b\d+(\.\d+)?(ms|s)\b`)
	process     = regexp.MustCompile(`\(process \d+`)
	memory      = regexp.MustCompile(`the host has [0-9.]+ [GM]B of memory`)
	clock       = regexp.MustCompile(`host's clock is \S+ `)
	arch        = regexp.MustCompile(`-linux-(x64|arm64)\b`)
	timestamp   = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
)

// golden compares a text with a file, or writes it there.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", file, diff)
	}
}

// scrub replaces what differs between runs; the addresses of others become ADDRESS with a prime for each. Paragraphs that
// rcprov wraps become one line: where they break depends on the length of what was replaced.
func scrub(text string, h *lab.Host, laptop *rcprov.Laptop, others ...*lab.Host) string {
	for i, one := range append([]*lab.Host{h}, others...) {
		address := regexp.MustCompile(regexp.QuoteMeta(one.Address) + `\b`)
		text = address.ReplaceAllString(text, "ADDRESS"+strings.Repeat("'", i))
	}
	text = strings.NewReplacer(laptop.Home, "~", h.KeyFile, "KEY").Replace(text)
	text = fingerprint.ReplaceAllString(text, "SHA256:...")
	text = scriptLine.ReplaceAllString(text, "sh: N:")
	text = tries.ReplaceAllString(text, "tried N times")
	text = process.ReplaceAllString(text, "(process N")
	text = memory.ReplaceAllString(text, "the host has N GB of memory")
	text = clock.ReplaceAllString(text, "host's clock is N ")
	text = arch.ReplaceAllString(text, "-linux-ARCH")
	text = timestamp.ReplaceAllString(text, "TIME")
	text = duration.ReplaceAllString(text, "N$2")
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, "On host ") || strings.HasPrefix(p, "Error: ") {
			end := p[len(strings.TrimRight(p, "\n")):]
			paragraphs[i] = strings.Join(strings.Fields(p), " ") + end
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setSection(archive *txtar.Archive, name, content string) {
	for i, f := range archive.Files {
		if f.Name == name {
			archive.Files[i].Data = []byte(content)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(content)})
}
