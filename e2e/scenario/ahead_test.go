package scenario

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
)

// fixture makes an archive on a host and a server for it, which notes each request, and stops in the middle of its answer
// as long as there is a file stall. It prints the archive's SHA-256.
const fixture = `set -e
mkdir -p /srv/fixture/pkg/bin
cd /srv/fixture
printf '#!/bin/sh\necho fetched\n' >pkg/bin/tool
chmod 0755 pkg/bin/tool
tar -czf pkg.tar.gz pkg
: >requests
cat >serve.pl <<'END'
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8123", Listen => 5, ReuseAddr => 1) or die;
open my $file, "<:raw", "/srv/fixture/pkg.tar.gz" or die;
my $content = do { local $/; <$file> };
while (my $client = $listener->accept) {
  my $get = 0;
  while (<$client>) { $get = 1 if /^GET/; last if /^\r?$/ }
  next unless $get;
  open my $log, ">>", "/srv/fixture/requests" or die;
  print $log "GET\n";
  close $log;
  $client->autoflush(1);
  print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($content) . "\r\nConnection: close\r\n\r\n" . substr($content, 0, 10);
  while (-e "/srv/fixture/stall") { select(undef, undef, undef, 0.05) }
  print $client substr($content, 10);
  close $client;
}
END
systemd-run --quiet --unit=fixture --property=Restart=always perl /srv/fixture/serve.pl
until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8123")'; do sleep 0.1; done
sha256sum <pkg.tar.gz | cut -d ' ' -f 1
`

// within waits on a host, for ten seconds at most, until a condition holds.
const within = "for i in $(seq 100); do if %s; then exit 0; fi; sleep 0.1; done; exit 1"

// The archive of a later play is downloaded and unpacked beside an earlier step. Nothing of that can be seen where it will
// be; a run that was killed leaves it to the next one, and a run that was stopped leaves nothing.
func TestPrepared(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, "")
	sum, err := h.Must(t.Context(), fixture)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := laptop.WriteFile("plan.hcl", rcprov.HostBlock(h, "h1")+slow+fmt.Sprintf(`
play "later" {
  hosts = [host.h1]
  archive "tool" {
    url              = "http://127.0.0.1:8123/pkg.tar.gz"
    sha256           = %q
    path             = "/opt/own/tool"
    strip_components = 1
    contains         = ["bin/tool"]
  }
}
`, strings.TrimSpace(sum))); err != nil {
		t.Fatal(err)
	}
	const (
		prepared = "/var/cache/rcprov/ahead/for-opt-own-tool"
		nothing  = "! test -e /var/cache/rcprov && ! test -e /opt/own && ! systemctl is-active --quiet rcprov-archive-opt-own-tool.service"
		again    = "rm -rf /opt/own /etc/slow /run/go /run/begun"
	)
	requests := func(n int) string { return fmt.Sprintf(`test "$(grep -c GET /srv/fixture/requests)" = %d`, n) }

	killed := begin(t, h, laptop)
	must(t, h, fmt.Sprintf(within, "test -e "+prepared+"/ready"))
	must(t, h, "! test -e /opt/own")
	if err := killed.process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.end()
	must(t, h, "touch /run/go")
	apply(t, laptop, 0)
	must(t, h, `test "$(/opt/own/tool/bin/tool)" = fetched && test "$(ls -A /opt/own)" = tool && ! test -e /var/cache/rcprov && `+requests(1))

	must(t, h, again+"; touch /srv/fixture/stall")
	stopped := begin(t, h, laptop)
	must(t, h, fmt.Sprintf(within, requests(2)))
	if err := stopped.process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	stopped.says(t, `"run_stopping"`)
	must(t, h, "touch /run/go")
	if r := stopped.end(); r.Exit != 1 {
		t.Errorf("exit status %d of an apply that was stopped\n%v", r.Exit, r)
	}
	must(t, h, nothing)
	must(t, h, "rm /srv/fixture/stall")
	apply(t, laptop, 0)
	must(t, h, `test "$(/opt/own/tool/bin/tool)" = fetched && ! test -e /var/cache/rcprov`)
}
