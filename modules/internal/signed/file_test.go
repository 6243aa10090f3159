package signed

import (
	"bytes"
	"crypto"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

const content = "a release\x00\n"

// detached returns a signature of content, armored.
func detached(t *testing.T, key *openpgp.Entity, at time.Time, hash crypto.Hash) []byte {
	t.Helper()
	var b bytes.Buffer
	config := &packet.Config{DefaultHash: hash, Time: func() time.Time { return at }}
	if err := openpgp.ArmoredDetachSign(&b, key, strings.NewReader(content), config); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var errNotSigned = errors.New("something else was signed")

// TestSignature asks for signatures, and lets a real shell compute the digest of a file that is there already; downloads
// are e2e's business.
func TestSignature(t *testing.T) {
	t.Parallel()
	now := time.Now().Add(-time.Hour)
	old := now.AddDate(-3, 0, 0)
	good, other, expired, stolen, retired := newKey(t, old, 0), newKey(t, old, 0), newKey(t, old, 365*24*time.Hour), newKey(t, old, 0), newKey(t, old, 0)
	byStolen, byRetired := detached(t, stolen, old.AddDate(0, 1, 0), crypto.SHA512), detached(t, retired, now, crypto.SHA512)
	for key, reason := range map[*openpgp.Entity]packet.ReasonForRevocation{stolen: packet.KeyCompromised, retired: packet.KeyRetired} {
		if err := key.RevokeKey(reason, "", &packet.Config{Time: func() time.Time { return now }}); err != nil {
			t.Fatal(err)
		}
	}
	var text bytes.Buffer
	if err := openpgp.ArmoredDetachSignText(&text, good, strings.NewReader(content), nil); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		data    []byte
		trusted []*openpgp.Entity
		file    string // another content than the signed one
		err     string // its beginning, with ASC for the signature's address, KEY for the first key's fingerprint
	}{
		{name: "good", data: detached(t, good, now, crypto.SHA512), trusted: []*openpgp.Entity{other, good}},
		{name: "SHA-256", data: detached(t, good, now, crypto.SHA256), trusted: []*openpgp.Entity{good}},
		{name: "signed before the key expired", data: detached(t, expired, old.AddDate(0, 1, 0), crypto.SHA512), trusted: []*openpgp.Entity{expired}},
		{
			name: "changed file", data: detached(t, good, now, crypto.SHA512), trusted: []*openpgp.Entity{good}, file: "another",
			err: errNotSigned.Error(),
		},
		{
			name: "other key", data: detached(t, other, now, crypto.SHA512), trusted: []*openpgp.Entity{good},
			err: "ASC: it is signed with the key ",
		},
		{
			name: "stolen key", data: byStolen, trusted: []*openpgp.Entity{stolen},
			err: "ASC: it is signed with the key KEY, which is revoked",
		},
		{
			name: "retired key", data: byRetired, trusted: []*openpgp.Entity{retired},
			err: "ASC: it is signed with the key KEY, which is revoked",
		},
		{name: "signature of a text", data: text.Bytes(), trusted: []*openpgp.Entity{good}, err: "ASC: its signature is of a kind that rcprov doesn't know"},
		{name: "page", data: []byte("<html>"), trusted: []*openpgp.Entity{good}, err: "ASC: this is not an OpenPGP signature"},
		{name: "key", data: armored(t, good), trusted: []*openpgp.Entity{good}, err: "ASC: this is not an OpenPGP signature"},
		{name: "no signature", trusted: []*openpgp.Entity{good}, err: "fetch ASC: the server answered 404 Not Found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.data == nil {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write(test.data) // an error is the client's
			}))
			defer server.Close()
			address := server.URL + "/asc"
			k := &Keys{Whose: "the test"}
			for _, key := range test.trusted {
				k.Fingerprints = append(k.Fingerprints, fingerprint(key))
				k.Data = append(k.Data, armored(t, key)...)
				k.Data = append(k.Data, '\n')
			}
			s, err := k.Signature(t.Context(), address)
			sum := ""
			if err == nil {
				sum, err = checkOnHost(t, s, test.file)
			}
			want := strings.NewReplacer("ASC", address, "KEY", fingerprint(test.trusted[0])).Replace(test.err)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
				t.Errorf("error %v; want %q", err, want)
			}
			// Of content, by sha256sum.
			if wantSum := "da2ad7609fa8929ad961dc36ba145a37ea38cd448f35d0220cad2e7b3fc8b266"; err == nil && sum != wantSum {
				t.Errorf("SHA-256 %s, want %s", sum, wantSum)
			}
		})
	}
}

// checkOnHost lets a host compute the digest of a file, content if it is empty, and returns the file's SHA-256.
func checkOnHost(t *testing.T, s *Signature, file string) (string, error) {
	t.Helper()
	if file == "" {
		file = content
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := new(moduletest.Host).Run(t.Context(), s.command("http://unused.invalid", "/opt/x", dir))
	if err != nil {
		t.Fatal(err)
	}
	sum, signed, left, err := s.check(modules.LastLine(result.Stdout))
	if err == nil && !signed {
		err = errNotSigned
	}
	if !left {
		t.Error("the file was there, and the script says that it wasn't")
	}
	return sum, err
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0=\n=9h+z\n-----END PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := new(Keys).read(data, nil, time.Now()); err == nil {
			t.Errorf("no key made %v", s)
		}
	})
}
