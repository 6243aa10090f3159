package acmecertificate

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"time"

	"github.com/go-acme/lego/v4/certcrypto"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

const (
	// placeholder is the organization in placeholder certificates.
	placeholder = "rcprov placeholder"

	selfSignedLife = 365 * 24 * time.Hour
)

// SelfSigned is a certificate signed by its own key.
type SelfSigned struct {
	Pair
	Names   []string
	KeyType certcrypto.KeyType

	// Placeholder: any certificate with its key is enough; one is made only if there is none.
	Placeholder bool
}

var _ modules.Step = (*SelfSigned)(nil)

func (p Pair) observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: p.Certificate, Content: true})
	observe.File.Ask(q, observe.FileQuestion{Path: p.Key, Content: true})
	observe.Clock.Ask(q, struct{}{})
}

// seen is what was observed of a Pair.
type seen struct {
	now   time.Time
	leaf  *x509.Certificate // nil if there is no usable one
	wrong string            // why there is no usable pair: "/x is not there", ...
	open  fs.FileMode       // mode of a key that not only root can read; 0 otherwise
}

// look reads what observe asked for.
func (p Pair) look(s *observe.Snapshot) (seen, error) {
	now, err := observe.Clock.Get(s, struct{}{})
	if err != nil {
		return seen{}, fmt.Errorf("ask for the host's time: %w", err)
	}
	is := seen{now: now}
	var contents [2][]byte
	for i, path := range []string{p.Certificate, p.Key} {
		info, err := observe.File.Get(s, observe.FileQuestion{Path: path, Content: true})
		switch {
		case err != nil:
			return seen{}, fmt.Errorf("look at %s: %w", path, err)
		case info.Type == observe.Absent && is.wrong == "":
			is.wrong = path + " is not there"
		case info.Type != observe.Regular && info.Type != observe.Absent:
			return seen{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", path, info.Type), "rcprov doesn't replace it: move it away.")
		case i == 1 && info.Type == observe.Regular && info.Mode&0o077 != 0:
			is.open = info.Mode
		}
		contents[i] = info.Content
	}
	if is.wrong != "" {
		return is, nil
	}
	chain, err := parseChain(contents[0])
	if err != nil {
		is.wrong = p.Certificate + " " + err.Error()
		return is, nil
	}
	key, err := parseKey(contents[1])
	switch {
	case err != nil:
		is.wrong = p.Key + " " + err.Error()
	case !matches(chain[0], key):
		is.wrong = p.Key + " is not the key of the certificate"
	default:
		is.leaf = chain[0]
	}
	return is, nil
}

// keyMode is the mode of private keys.
const keyMode fs.FileMode = 0o600

// rights is the change of a usable key that not only root can read.
func (p Pair) rights(is seen) modules.Change {
	if is.leaf == nil || is.open == 0 {
		return modules.Change{}
	}
	return modules.NewChange(keyWork{Key: p.Key, Mode: is.open})
}

// foresee notes what becomes of the pair: a new certificate, such as sample makes one, has a new key.
func (p Pair) foresee(s *observe.Snapshot, c modules.Change, sample *SelfSigned) {
	now, err := observe.Clock.Get(s, struct{}{})
	f := s.Forecast()
	if _, only := c.Work.(keyWork); only {
		f.Touch(p.Key, nil)
		return
	}
	if err != nil {
		f.Write(p.Certificate, observe.NewContent, nil)
		return
	}
	sample.KeyType = certcrypto.EC256 // made at once
	key, certificate, err := sample.sign(now)
	if err != nil {
		key, certificate = nil, nil
	}
	f.Write(p.Certificate, observe.SampleContent(certificate), &observe.Rights{Mode: 0o644, Owner: "root", Group: "root"})
	f.Write(p.Key, observe.SampleContent(key), &observe.Rights{Mode: keyMode, Owner: "root", Group: "root"})
}

// Foresee implements [modules.Foreseer].
func (c *SelfSigned) Foresee(s *observe.Snapshot, change modules.Change) {
	sample := *c
	c.foresee(s, change, &sample)
}

// closeKey leaves only root the right to read the key.
func (p Pair) closeKey(ctx context.Context, h modules.Host) error {
	return modules.SetRights(ctx, h, p.Key, modules.OctalMode(keyMode), "", "")
}

// Observe implements [modules.Step].
func (c *SelfSigned) Observe(q *observe.Query) { c.observe(q) }

// Diff implements [modules.Step].
func (c *SelfSigned) Diff(s *observe.Snapshot) (modules.Change, error) {
	is, err := c.look(s)
	if err != nil {
		return modules.Change{}, err
	}
	w := signWork{Certificate: c.Certificate, Names: c.Names, KeyType: c.KeyType, Seen: viewOf(is), Why: noPair}
	if is.leaf != nil {
		switch missing := uncovered(is.leaf, c.Names); {
		case c.Placeholder:
			return modules.Change{}, nil
		case !selfIssued(is.leaf):
			w.Why = otherIssuer
		case len(missing) > 0:
			w.Why = otherNames
		case keyTypeOf(is.leaf) != c.KeyType:
			w.Why = otherKeyType
		case renewable(is.leaf, is.now):
			w.Why = endsSoon
		default:
			return c.rights(is), nil
		}
	}
	return modules.NewChange(w), nil
}

// Apply implements [modules.Step].
func (c *SelfSigned) Apply(ctx context.Context, h modules.Host, change modules.Change) error {
	if _, only := change.Work.(keyWork); only {
		return c.closeKey(ctx, h)
	}
	now, err := hostTime(ctx, h)
	if err != nil {
		return err
	}
	key, certificate, err := c.sign(now)
	if err != nil {
		return err
	}
	dirMode := "0755"
	if c.Placeholder {
		dirMode = "0700" // as lego makes it
	}
	return putFiles(ctx, h, dirMode, []stored{{c.Key, key, keyMode}, {c.Certificate, certificate, 0o644}})
}

func (c *SelfSigned) sign(now time.Time) (keyPEM, certificatePEM []byte, err error) {
	key, err := certcrypto.GeneratePrivateKey(c.KeyType)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: c.Names, Subject: pkix.Name{CommonName: commonName(c.Names[0])},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if c.Placeholder {
		template.Subject.Organization = []string{placeholder}
	}
	signer, err := parseKey(certcrypto.PEMEncode(key))
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	return certcrypto.PEMEncode(key), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// commonName is a name if it fits into that field (64 characters, RFC 5280 appendix A.1).
func commonName(name string) string {
	if len(name) > 64 {
		return ""
	}
	return name
}
