package scenario

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// signed is a play with a certificate for several names by DNS-01.
const signed = `
variable "ca" {}
variable "server" {}
variable "secret" { sensitive = true }
variable "key" { default = "rcprov." }
variable "names" { default = ["dns.test", "*.dns.test", "a.dns.test", "b.dns.test"] }
play "p" {
  hosts = [host.h1]
  acme_certificate "dns" {
    names           = var.names
    directory       = var.ca
    ca_file         = "ca.pem"
    challenge       = "dns-01"
    nameservers     = [var.server]
    dns_provider    = "rfc2136"
    dns_credentials = {
      RFC2136_NAMESERVER        = var.server
      RFC2136_TSIG_KEY          = var.key
      RFC2136_TSIG_ALGORITHM    = "hmac-sha256."
      RFC2136_TSIG_SECRET       = var.secret
      RFC2136_SEQUENCE_INTERVAL = 1
      RFC2136_POLLING_INTERVAL  = 1
    }
  }
}
`

// named makes a host the DNS server of dns.test, whose records are changed with the key rcprov. Another key may change nothing. The
// address of the server's name is known to itself alone.
const named = `set -e
(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends bind9) >/tmp/bind9.log 2>&1 || { cat /tmp/bind9.log; exit 1; }
cat >/var/lib/bind/dns.test <<'END'
$TTL 1
@ SOA ns admin 1 3600 600 86400 1
@ NS ns
ns A ADDRESS
END
cat >/etc/bind/named.conf.local <<'END'
key rcprov { algorithm hmac-sha256; secret "SECRET"; };
key other { algorithm hmac-sha256; secret "SECRET"; };
zone dns.test { type primary; file "/var/lib/bind/dns.test"; update-policy { grant rcprov zonesub TXT; }; };
END
chown bind: /var/lib/bind/dns.test
systemctl restart named`

// signedUpdates gets a certificate by DNS-01 from a real DNS server that wants signed updates (bind9), on a host that has nothing to
// do with it.
func signedUpdates(t *testing.T, h *lab.Host) {
	t.Helper()
	m, err := theMirror()
	if err != nil {
		t.Fatal(err)
	}
	const secret = "aHVudGVyMi1odW50ZXIyLWh1bnRlcjI="
	must(t, h, strings.NewReplacer("ADDRESS", h.Address, "SECRET", secret).Replace(named))
	m.ACME.Delegate("dns.test", netip.AddrPortFrom(netip.MustParseAddr(h.Address), 53))
	laptop, err := rcprov.NewLaptop(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(m.ACME.CAFile)
	if err == nil {
		_, err = laptop.WriteFile("ca.pem", string(ca))
	}
	if err == nil {
		_, err = laptop.WriteFile("plan.hcl", rcprov.HostBlock(h, "h1")+signed)
	}
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-var", "ca=" + m.ACME.Directory, "-var", "server=" + h.Address, "-var", "secret=" + secret}
	truthful(t, laptop, args...)
	must(t, h, `test "$(openssl x509 -noout -ext subjectAltName -in /var/lib/lego/certificates/dns.test.crt | grep -o 'DNS:[^,]*' | sort | tr -d '\n')" = \
'DNS:*.dns.testDNS:a.dns.testDNS:b.dns.testDNS:dns.test'`)
	if r := truthful(t, laptop, args...); len(changed(t, r)) > 0 {
		t.Errorf("changed %q once more", changed(t, r))
	}
	for _, test := range []struct{ name, set, want, advice string }{
		{"wrong secret", "secret=d3Jvbmctd3Jvbmctd3Jvbmc=", "set the DNS record of ", "RFC2136_TSIG_SECRET"},
		{"a key without rights", "key=other.", fmt.Sprintf("server %s:53 replied REFUSED", h.Address), "update-policy"},
	} {
		r, err := laptop.Run(t.Context(), append(append([]string{"apply", "plan.hcl", "-var", `names=["dns.test", "d.dns.test"]`}, args...), "-var", test.set)...)
		if err != nil || r.Exit != 1 || !strings.Contains(r.String(), test.want) || !strings.Contains(r.String(), test.advice) {
			t.Errorf("%s: want %q and %q: %v\n%v", test.name, test.want, test.advice, err, r)
		}
	}
}
