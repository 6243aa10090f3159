package aptrepository

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/rcprov/rcprov/modules/internal/signed"
)

// keyring is the content of a file with public keys.
type keyring struct {
	keys    []key
	ids     []uint64 // of all keys and subkeys, whether the library can read them or not
	armored []byte   // all of it as one armored block, the same for the same keys whatever armor they came in
}

// key is a primary key with its user IDs and subkeys.
type key struct {
	fingerprint string          // uppercase hex
	entity      *openpgp.Entity // nil when the library can't read the key
}

// readKeyring reads public keys, armored (one block or several) or binary.
func readKeyring(data []byte) (keyring, error) {
	binaryForm, err := signed.Packets(data)
	if err != nil {
		return keyring{}, err
	}
	var ring keyring
	// The fingerprints are computed from the packets, not from what the library understands of them: a key that it
	// skips may be one that apt trusts.
	packets := packet.NewOpaqueReader(bytes.NewReader(binaryForm))
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return keyring{}, fmt.Errorf("this is not an OpenPGP key: %w", err)
		}
		switch p.Tag {
		case 5, 7: // RFC 9580, 5.5.1: secret key, secret subkey
			return keyring{}, errors.New("this is a private key; give the public one, and treat the private one as compromised")
		case 6, 14: // public key, public subkey
			fingerprint, err := fingerprintOf(p.Contents)
			if err != nil && p.Tag == 6 {
				return keyring{}, err
			}
			if err == nil {
				ring.ids = append(ring.ids, keyID(fingerprint))
			}
			if p.Tag == 6 {
				ring.keys = append(ring.keys, key{fingerprint: fingerprint})
			}
		}
	}
	if len(ring.keys) == 0 {
		return keyring{}, errors.New("this is not an OpenPGP key")
	}
	entities, err := openpgp.ReadKeyRing(bytes.NewReader(binaryForm))
	if err != nil {
		return keyring{}, fmt.Errorf("read OpenPGP key %s: %w", ring.keys[0].fingerprint, err)
	}
	for _, entity := range entities {
		fingerprint := strings.ToUpper(hex.EncodeToString(entity.PrimaryKey.Fingerprint))
		if i := slices.IndexFunc(ring.keys, func(k key) bool { return k.fingerprint == fingerprint }); i >= 0 {
			ring.keys[i].entity = entity
		}
	}
	ring.armored, err = enarmor(binaryForm)
	return ring, err
}

func enarmor(packets []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(packets); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// fingerprintOf computes the fingerprint of a public-key packet, RFC 9580, 5.5.4.
func fingerprintOf(contents []byte) (string, error) {
	var sum []byte
	switch {
	case len(contents) > 0 && len(contents) <= math.MaxUint16 && contents[0] == 4:
		head := binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(contents)))
		v4 := sha1.Sum(append(head, contents...)) // the standard's choice for version 4
		sum = v4[:]
	case len(contents) > 0 && contents[0] == 6:
		head := binary.BigEndian.AppendUint32([]byte{0x9b}, uint32(len(contents)))
		v6 := sha256.Sum256(append(head, contents...))
		sum = v6[:]
	default:
		return "", errors.New("this is an OpenPGP key of a version that apt doesn't know")
	}
	return strings.ToUpper(hex.EncodeToString(sum)), nil
}

// keyID is by what a signature names the key with a fingerprint (RFC 9580, 5.5.4).
func keyID(fingerprint string) uint64 {
	const digits = 16
	id := fingerprint[len(fingerprint)-digits:] // version 4
	if len(fingerprint) > 2*sha1.Size {
		id = fingerprint[:digits]
	}
	n, _ := strconv.ParseUint(id, 16, 64) // made of digits
	return n
}

// knows reports whether the ring has one of the keys.
func (r keyring) knows(ids []uint64) bool {
	return slices.ContainsFunc(ids, func(id uint64) bool { return slices.Contains(r.ids, id) })
}

// check returns an error unless all keys are among fingerprints and one of them may sign at now.
func (r keyring) check(fingerprints []string, now time.Time) error {
	if err := r.checkFingerprints(fingerprints); err != nil {
		return err
	}
	var problems []error
	for _, k := range r.keys {
		problem := k.problem(now)
		if problem == nil {
			return nil
		}
		problems = append(problems, problem)
	}
	return errors.Join(problems...)
}

// checkFingerprints returns an error unless all keys are among fingerprints.
func (r keyring) checkFingerprints(fingerprints []string) error {
	for _, k := range r.keys {
		if !slices.Contains(fingerprints, k.fingerprint) {
			return fmt.Errorf("key %s is not among the fingerprints of the plan", k.fingerprint)
		}
	}
	return nil
}

// problem returns why the key can't sign at now; nil if it can.
func (k key) problem(now time.Time) error {
	if k.entity == nil {
		return fmt.Errorf("key %s can't be read (unknown algorithm or malformed)", k.fingerprint)
	}
	signature, _ := k.entity.PrimarySelfSignature()
	_, signs := k.entity.SigningKey(now)
	switch {
	case k.entity.Revoked(now):
		return fmt.Errorf("key %s is revoked", k.fingerprint)
	case signature == nil:
		return fmt.Errorf("key %s has no valid self-signature", k.fingerprint)
	case k.entity.PrimaryKey.CreationTime.After(now):
		return fmt.Errorf("key %s was created on %s, but the host's clock says %s",
			k.fingerprint, day(k.entity.PrimaryKey.CreationTime), day(now))
	case k.entity.PrimaryKey.KeyExpired(signature, now):
		return fmt.Errorf("key %s expired on %s", k.fingerprint, day(k.expiry()))
	case !signs:
		return fmt.Errorf("key %s has no subkey that may sign: all are expired or revoked", k.fingerprint)
	}
	return nil
}

// expiry returns when the primary key expires; zero when never.
func (k key) expiry() time.Time {
	if k.entity == nil {
		return time.Time{}
	}
	signature, _ := k.entity.PrimarySelfSignature()
	if signature == nil || signature.KeyLifetimeSecs == nil || *signature.KeyLifetimeSecs == 0 {
		return time.Time{}
	}
	return k.entity.PrimaryKey.CreationTime.Add(time.Duration(*signature.KeyLifetimeSecs) * time.Second)
}

// soon is how long before the expiry of a key a note announces it.
const soon = 30 * 24 * time.Hour

// notes returns what people should know about valid keys.
func (r keyring) notes(now time.Time) []string {
	var notes []string
	for _, k := range r.keys {
		if problem := k.problem(now); problem != nil {
			notes = append(notes, problem.Error())
			continue
		}
		if end := k.expiry(); !end.IsZero() && end.Sub(now) < soon {
			notes = append(notes, fmt.Sprintf("key %s expires on %s", k.fingerprint, day(end)))
		}
		if signature, _ := k.entity.PrimarySelfSignature(); signature.Hash == crypto.SHA1 {
			notes = append(notes, fmt.Sprintf("key %s is self-signed with SHA-1, which apt of Debian 13 refuses since 2026-02-01", k.fingerprint))
		}
	}
	return notes
}

// describe returns the keys for people.
func (r keyring) describe() string {
	var words []string
	for _, k := range r.keys {
		word := k.fingerprint
		if end := k.expiry(); !end.IsZero() {
			word += " until " + day(end)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
