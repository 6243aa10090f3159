package aptrepository

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/rcprov/rcprov/modules/internal/signed"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// made is when the keys of these tests were made; now is when they are looked at.
var (
	made = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	now  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// newKey makes a throw-away key that ends after life (0: never).
func newKey(t testing.TB, life time.Duration) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("test", "", "", &packet.Config{
		Time: func() time.Time { return made }, DefaultHash: crypto.SHA256,
		Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: uint32(life / time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func revokedKey(t testing.TB) *openpgp.Entity {
	t.Helper()
	e := newKey(t, 0)
	config := &packet.Config{Time: func() time.Time { return made.Add(time.Hour) }}
	if err := e.RevokeKey(packet.KeyCompromised, "stolen", config); err != nil {
		t.Fatal(err)
	}
	return e
}

// public returns keys in binary form.
func public(t testing.TB, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, key := range keys {
		if err := key.Serialize(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// armored returns keys as one armored block.
func armored(t testing.TB, keys ...*openpgp.Entity) []byte {
	t.Helper()
	text, err := enarmor(public(t, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func private(t testing.TB, key *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := key.SerializePrivateWithoutSigning(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fpr(key *openpgp.Entity) string {
	return strings.ToUpper(hex.EncodeToString(key.PrimaryKey.Fingerprint))
}

func TestReadKeyring(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, 0), newKey(t, 0)
	// The same packets, whatever they came in.
	for name, data := range map[string][]byte{
		"binary":     public(t, a, b),
		"one block":  armored(t, a, b),
		"two blocks": append(armored(t, a), armored(t, b)...),
		"with text":  append([]byte("Our keys:\n\n"), armored(t, a, b)...),
	} {
		ring, err := readKeyring(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := ring.describe(), fpr(a)+", "+fpr(b); got != want {
			t.Errorf("%s: keys %q, want %q", name, got, want)
		}
		if !bytes.Equal(ring.armored, armored(t, a, b)) {
			t.Errorf("%s: armored as\n%s", name, ring.armored)
		}
	}
	for name, test := range map[string]struct{ data, want string }{
		"private":   {string(private(t, a)), "this is a private key; give the public one, and treat the private one as compromised"},
		"empty":     {"", "this is not an OpenPGP key"},
		"page":      {"<html>not found</html>", "this is not an OpenPGP key"},
		"signature": {"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n*\n-----END PGP PUBLIC KEY BLOCK-----\n", "this is not an armored OpenPGP key"},
		"truncated": {string(public(t, a)[:40]), "this is not an OpenPGP key: unexpected EOF"},
	} {
		if _, err := readKeyring([]byte(test.data)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	valid, expired, revoked, foreign := newKey(t, 0), newKey(t, 30*24*time.Hour), revokedKey(t), newKey(t, 0)
	tests := []struct {
		name string
		keys []*openpgp.Entity
		at   time.Time
		want string
	}{
		{"valid", []*openpgp.Entity{valid}, now, ""},
		{"valid beside an expired one", []*openpgp.Entity{expired, valid}, now, ""},
		{"expired", []*openpgp.Entity{expired}, now, "key " + fpr(expired) + " expired on 2024-01-31"},
		{"before it expired", []*openpgp.Entity{expired}, made.Add(time.Hour), ""},
		{"revoked", []*openpgp.Entity{revoked}, now, "key " + fpr(revoked) + " is revoked"},
		{"foreign", []*openpgp.Entity{foreign}, now, "key " + fpr(foreign) + " is not among the fingerprints of the plan"},
		{"foreign beside a valid one", []*openpgp.Entity{valid, foreign}, now, "key " + fpr(foreign) + " is not among the fingerprints of the plan"},
		{"host's clock is wrong", []*openpgp.Entity{valid}, time.Unix(0, 0), "key " + fpr(valid) + " was created on 2024-01-01, but the host's clock says 1970-01-01"},
	}
	for _, test := range tests {
		ring, err := readKeyring(public(t, test.keys...))
		if err != nil {
			t.Fatal(err)
		}
		if got := moduletest.ErrorText(ring.check([]string{fpr(valid), fpr(expired), fpr(revoked)}, test.at)); got != test.want {
			t.Errorf("%s: error %q, want %q", test.name, got, test.want)
		}
	}
}

// TestUnreadableKey: a key that the library skips counts by its fingerprint all the same.
func TestUnreadableKey(t *testing.T) {
	t.Parallel()
	a := newKey(t, 0)
	strange := []byte{0xc6, 7, 4, 0, 0, 0, 1, 99, 0} // a version 4 key of algorithm 99
	ring, err := readKeyring(append(public(t, a), strange...))
	if err != nil {
		t.Fatal(err)
	}
	if len(ring.keys) != 2 || ring.keys[1].entity != nil {
		t.Fatalf("keys %q", ring.describe())
	}
	if err := ring.checkFingerprints([]string{fpr(a)}); err == nil {
		t.Errorf("key %s was accepted", ring.keys[1].fingerprint)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	ending := newKey(t, now.AddDate(0, 0, 5).Sub(made))
	ring, err := readKeyring(public(t, ending))
	if err != nil {
		t.Fatal(err)
	}
	notes := ring.notes(now)
	if want := "key " + fpr(ending) + " expires on 2026-01-06"; len(notes) != 1 || notes[0] != want {
		t.Errorf("notes %q, want %q", notes, want)
	}
}

func FuzzReadKeyring(f *testing.F) {
	// Not keys made here: each of the fuzzer's processes would have others.
	text, err := os.ReadFile("testdata/public.asc")
	if err != nil {
		f.Fatal(err)
	}
	packets, err := signed.Packets(text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(packets)
	f.Fuzz(func(t *testing.T, data []byte) {
		ring, err := readKeyring(data)
		if err != nil {
			return
		}
		again, err := readKeyring(ring.armored)
		if err != nil || !bytes.Equal(again.armored, ring.armored) || again.describe() != ring.describe() {
			t.Errorf("read again: %v, %q instead of %q", err, again.describe(), ring.describe())
		}
		_ = ring.check(nil, now)
		ring.notes(now)
	})
}
