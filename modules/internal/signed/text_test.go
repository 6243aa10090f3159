package signed

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const list = "1111  node-v22.22.3-linux-x64.tar.gz\n"

// newKey makes a key that was created at born and is valid for lifetime (0: for ever). It signs with its subkey, as
// some of Node's releasers do.
func newKey(t *testing.T, born time.Time, lifetime time.Duration) *openpgp.Entity {
	t.Helper()
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return born }, KeyLifetimeSecs: uint32(lifetime.Seconds())}
	key, err := openpgp.NewEntity("releaser", "", "releaser@example.com", config)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.AddSigningSubkey(config); err != nil {
		t.Fatal(err)
	}
	return key
}

func fingerprint(key *openpgp.Entity) string {
	return strings.ToUpper(hex.EncodeToString(key.PrimaryKey.Fingerprint))
}

func armored(t *testing.T, key *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Serialize(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// signed returns text clear-signed with key at a time.
func signed(t *testing.T, key *openpgp.Entity, at time.Time, text string) []byte {
	t.Helper()
	signer, ok := key.SigningKey(at)
	if !ok {
		t.Fatal("no key to sign with")
	}
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, signer.PrivateKey, &packet.Config{DefaultHash: crypto.SHA256, Time: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	t.Parallel()
	now := time.Now().Add(-time.Hour)
	old := now.AddDate(-3, 0, 0)
	good, other, expired, stolen := newKey(t, old, 0), newKey(t, old, 0), newKey(t, old, 365*24*time.Hour), newKey(t, old, 0)
	listOfStolen := signed(t, stolen, old.AddDate(0, 1, 0), list)
	if err := stolen.RevokeKey(packet.KeyCompromised, "stolen", &packet.Config{Time: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]byte{}
	for _, key := range []*openpgp.Entity{good, other, expired, stolen} {
		keys["/keys/"+fingerprint(key)+".asc"] = armored(t, key)
	}
	tests := []struct {
		name    string
		list    []byte
		trusted []*openpgp.Entity
		err     string // its beginning, with LIST for the list's address
	}{
		{name: "good", list: signed(t, good, now, list), trusted: []*openpgp.Entity{other, good}},
		{name: "signed before the key expired", list: signed(t, expired, old.AddDate(0, 1, 0), list), trusted: []*openpgp.Entity{expired}},
		{name: "text around the list", list: append([]byte("3333  node-v22.22.3-linux-x64.tar.gz\n"), signed(t, good, now, list)...), trusted: []*openpgp.Entity{good}},
		{
			name: "other key", list: signed(t, other, now, list), trusted: []*openpgp.Entity{good},
			err: "LIST: it is signed with the key ",
		},
		{
			name: "revoked key", list: listOfStolen, trusted: []*openpgp.Entity{stolen},
			err: "LIST: its signature by ",
		},
		{
			name: "changed list", list: bytes.Replace(signed(t, good, now, list), []byte("1111"), []byte("2222"), 1), trusted: []*openpgp.Entity{good},
			err: "LIST: its signature by ",
		},
		{name: "not signed", list: []byte(list), trusted: []*openpgp.Entity{good}, err: "LIST: this is not a clear-signed text"},
		{name: "no list", trusted: []*openpgp.Entity{good}, err: "fetch LIST: the server answered 404 Not Found"},
		{
			name: "no key", list: signed(t, good, now, list), trusted: []*openpgp.Entity{newKey(t, old, 0)},
			err: "none of the keys that may sign LIST could be had: ",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				content := keys[r.URL.Path]
				if r.URL.Path == "/SHASUMS256.txt.asc" {
					content = test.list
				}
				if content == nil {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write(content) // an error is the client's
			}))
			defer server.Close()
			address := server.URL + "/SHASUMS256.txt.asc"
			k := &Keys{URL: server.URL + "/keys/FINGERPRINT.asc"}
			for _, key := range test.trusted {
				k.Fingerprints = append(k.Fingerprints, fingerprint(key))
			}
			text, err := k.Text(t.Context(), address)
			if test.err == "" {
				if err != nil || text != list {
					t.Errorf("%q, %v", text, err)
				}
				return
			}
			if want := strings.ReplaceAll(test.err, "LIST", address); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q, error %v; want %q", text, err, want)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nx\n-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0=\n=9h+z\n-----END PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if text, err := new(Keys).verify(data, nil); err == nil {
			t.Errorf("no key signed %q", text)
		}
	})
}
