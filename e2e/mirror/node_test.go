package mirror_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"

	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// TestNode installs each version by hand and runs it and its npm.
func TestNode(t *testing.T) {
	h := labtest.Launch(t, "debian-12") // the mirror's address exists while there is a host
	m := require(t)
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(get(t, m.Node.KeyURL)))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range m.Node.Versions {
		t.Run(version, func(t *testing.T) {
			dir := m.Node.DistURL + "/v" + version
			sums := get(t, dir+"/SHASUMS256.txt")
			signer, err := openpgp.CheckDetachedSignature(keys, bytes.NewReader(sums), bytes.NewReader(get(t, dir+"/SHASUMS256.txt.sig")), nil)
			if err != nil {
				t.Fatalf("SHASUMS256.txt.sig: %v", err)
			}
			if got := fingerprint(signer); got != m.Node.Fingerprint {
				t.Errorf("signed by %s, not %s", got, m.Node.Fingerprint)
			}
			block, _ := clearsign.Decode(get(t, dir+"/SHASUMS256.txt.asc"))
			if block == nil || !bytes.Equal(block.Plaintext, sums) {
				t.Fatalf("SHASUMS256.txt.asc does not have SHASUMS256.txt in it: %+v", block)
			}
			if _, err := block.VerifySignature(keys, nil); err != nil {
				t.Errorf("SHASUMS256.txt.asc: %v", err)
			}
			_, tarball, _ := strings.Cut(strings.TrimSpace(string(sums)), "  ")
			got := must(t, h, `set -e
cd /opt
rm -f `+tarball+`
/usr/lib/apt/apt-helper -q download-file `+dir+"/"+tarball+" "+tarball+` >/dev/null 2>&1
echo '`+strings.TrimSpace(string(sums))+`' | sha256sum --check --status
tar --extract --no-same-owner --gzip --file `+tarball+`
export PATH=/opt/`+strings.TrimSuffix(tarball, ".tar.gz")+`/bin:$PATH
node --version
npm --version >/dev/null
npm ls --global --depth 0 | grep -c npm@
test -f /opt/`+strings.TrimSuffix(tarball, ".tar.gz")+`/include/node/node.h`)
			if want := "v" + version + "\n1\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// get returns the body at a URL of the mirror.
func get(t *testing.T, url string) []byte {
	t.Helper()
	body, err := call(t, url, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return body
}
