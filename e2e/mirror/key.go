package mirror

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A signingKey is an OpenPGP key of the lab in place of a vendor's.
type signingKey struct{ entity *openpgp.Entity }

// The two kinds of keys that vendors have.
var (
	rsaKey     = packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 3072}
	ed25519Key = packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}
)

// key returns the signing key of a name, and first generates it if there is none. The cache keeps it, so that what it
// signed stays valid.
func (c *cache) key(name, user string, config packet.Config) (*signingKey, error) {
	unlock, err := c.lock("keys")
	if err != nil {
		return nil, err
	}
	defer unlock()
	file := filepath.Join(c.dir, "keys", name+".asc")
	text, err := os.ReadFile(file)
	if err == nil {
		entities, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		return &signingKey{entities[0]}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entity, err := openpgp.NewEntity("rcprov lab, in place of "+user, "throw-away key", "lab@rcprov.invalid", &config)
	if err != nil {
		return nil, err
	}
	private, err := armored(openpgp.PrivateKeyType, func(w *bytes.Buffer) error { return entity.SerializePrivate(w, &config) })
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file+".unfinished", private, 0o600); err != nil {
		return nil, err
	}
	return &signingKey{entity}, os.Rename(file+".unfinished", file)
}

// A keyState is the state that a public key declares.
type keyState int

const (
	keyGood keyState = iota
	keyExpired
	keyRevoked
)

// config returns c for a key that will be in that state.
func (s keyState) config(c packet.Config) packet.Config {
	if s == keyExpired {
		made := time.Now().AddDate(-1, 0, 0)
		c.Time = func() time.Time { return made }
		c.KeyLifetimeSecs = uint32((30 * 24 * time.Hour).Seconds())
	}
	return c
}

// publicAs returns the armored public key in a state. Only this copy is revoked, so that the key can still sign.
func (k *signingKey) publicAs(s keyState) ([]byte, error) {
	if s != keyRevoked {
		return k.public()
	}
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	entities, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(public))
	if err != nil {
		return nil, err
	}
	revoked := signingKey{entities[0]}
	revoked.entity.PrivateKey = k.entity.PrivateKey
	if err := revoked.entity.RevokeKey(packet.KeyCompromised, "the lab's test", nil); err != nil {
		return nil, err
	}
	return revoked.public()
}

// fingerprint returns the primary key's fingerprint, 40 hexadecimal digits.
func (k *signingKey) fingerprint() string {
	return strings.ToUpper(hex.EncodeToString(k.entity.PrimaryKey.Fingerprint))
}

// public returns the armored public key.
func (k *signingKey) public() ([]byte, error) {
	return armored(openpgp.PublicKeyType, func(w *bytes.Buffer) error { return k.entity.Serialize(w) })
}

// signing returns the configuration for detached signatures. With an expired key the library signs only for a time when
// the key was valid.
func (k *signingKey) signing() *packet.Config {
	if self, _ := k.entity.PrimarySelfSignature(); self == nil || self.KeyLifetimeSecs == nil || *self.KeyLifetimeSecs == 0 {
		return nil
	}
	return &packet.Config{Time: func() time.Time { return k.entity.PrimaryKey.CreationTime }}
}

// detached returns an armored signature of content.
func (k *signingKey) detached(content []byte) ([]byte, error) {
	return armored(openpgp.SignatureType, func(w *bytes.Buffer) error {
		return openpgp.DetachSign(w, k.entity, bytes.NewReader(content), k.signing())
	})
}

// binary returns a binary signature of content.
func (k *signingKey) binary(content []byte) ([]byte, error) {
	var out bytes.Buffer
	err := openpgp.DetachSign(&out, k.entity, bytes.NewReader(content), k.signing())
	return out.Bytes(), err
}

// clearsigned returns content in a cleartext signature, made now even when the key has expired.
func (k *signingKey) clearsigned(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := clearsign.Encode(&out, k.entity.PrivateKey, nil)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}

// armored returns the output of write as an ASCII-armored block.
func armored(blockType string, write func(*bytes.Buffer) error) ([]byte, error) {
	var raw, out bytes.Buffer
	if err := write(&raw); err != nil {
		return nil, err
	}
	w, err := armor.Encode(&out, blockType, nil)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(raw.Bytes())
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}
