package acmecertificate

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/certcrypto"

	"github.com/rcprov/rcprov/modules"
)

// parseChain reads the certificates of a PEM text.
func parseChain(text []byte) ([]*x509.Certificate, error) {
	if err := marked(text); err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	begun := bytes.Count(text, []byte("-----BEGIN "))
	for whole := text; ; {
		block, rest := pem.Decode(text)
		if block == nil {
			if len(chain) < begun {
				return nil, damaged(whole, len(chain))
			}
			break
		}
		text = rest
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("has a %s, where only certificates may be", strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d can't be read: %w", len(chain)+1, err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("has no certificate in PEM form")
	}
	return chain, nil
}

// marked is the error of a text with byte order marks, as editors on Windows save it: OpenSSL finds nothing behind one.
func marked(text []byte) error {
	switch at := bytes.Index(text, []byte("\ufeff")); {
	case at == 0:
		return errors.New("begins with a byte order mark (EF BB BF), which no server reads: save it as UTF-8 without one")
	case at > 0:
		return fmt.Errorf("has a byte order mark (EF BB BF) in line %d, which no server reads: save the files that it was made of as UTF-8 without one",
			1+bytes.Count(text[:at], []byte("\n")))
	}
	return nil
}

// indented matches the first line of a PEM block with blanks before it.
var indented = regexp.MustCompile(`(?m)^[ \t]+-----BEGIN `)

// damaged is the error of a text of which only the first certificates can be read. OpenSSL, and with it a server, reads none of it.
func damaged(text []byte, read int) error {
	switch {
	case bytes.Contains(text, []byte("----------BEGIN ")):
		return errors.New("lacks a line break between -----END CERTIFICATE----- and -----BEGIN CERTIFICATE-----")
	case indented.Match(text):
		return errors.New("has blanks before -----BEGIN: its lines must not be indented (in a heredoc, <<- removes what all lines begin with)")
	}
	return fmt.Errorf("is damaged: what is behind certificate %d begins with -----BEGIN and can't be read to its end", read)
}

// parseKey reads a private key. Its error says nothing of the text.
func parseKey(text []byte) (crypto.Signer, error) {
	if err := marked(text); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")) {
		return nil, errors.New("is encrypted, which no server can read at its start: `openssl pkey -in FILE` writes it without its passphrase")
	}
	// Tools put "EC PARAMETERS" before the key.
	for rest := text; block != nil && !strings.HasSuffix(block.Type, "PRIVATE KEY"); {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("has no private key in PEM form")
	}
	key, err := certcrypto.ParsePEMPrivateKey(pem.EncodeToMemory(block))
	if err != nil {
		return nil, errors.New("can't be read as a private key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("is not a key that can sign")
	}
	return signer, nil
}

// matches reports whether key is that of certificate c.
func matches(c *x509.Certificate, key crypto.Signer) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

// uncovered returns the names that certificate c is not for.
func uncovered(c *x509.Certificate, names []string) (missing []string) {
	for _, name := range names {
		wildcard := strings.HasPrefix(name, "*.")
		if !slices.Contains(c.DNSNames, name) && (wildcard || c.VerifyHostname(name) != nil) {
			missing = append(missing, name)
		}
	}
	return missing
}

// renewable reports whether no more than a third of the lifetime of c remains.
func renewable(c *x509.Certificate, now time.Time) bool {
	return c.NotAfter.Sub(now) <= c.NotAfter.Sub(c.NotBefore)/3
}

// selfIssued reports whether c is signed by its own key.
func selfIssued(c *x509.Certificate) bool {
	return string(c.RawIssuer) == string(c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// leastRSA is the number of bits of an RSA key that OpenSSL accepts at security level 2: SSL_CTX_set_security_level(3).
const leastRSA = 2048

// checkOwn checks the certificate and key of the plan for all that makes browsers complain, but the time, which only
// the host knows. roots are the CAs to trust, in PEM form; nil: those of this machine.
func checkOwn(args Args, roots []byte) ([]*x509.Certificate, error) {
	chain, err := parseChain([]byte(args.CertificatePEM))
	if err != nil {
		return nil, modules.Argf("certificate_pem", "%w", err)
	}
	key, err := parseKey([]byte(args.KeyPEM))
	if err != nil {
		return nil, modules.Argf("key_pem", "%w", err)
	}
	var errs []error
	if !matches(chain[0], key) {
		why := "is not the key of the first certificate"
		if i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return matches(c, key) }); i > 0 {
			why = fmt.Sprintf("is the key of certificate %d; the site's own certificate must be the first", i+1)
		}
		errs = append(errs, modules.Argf("key_pem", "%s (%s)", why, subject(chain[0])))
	}
	if rsa, ok := chain[0].PublicKey.(*rsa.PublicKey); ok && rsa.N.BitLen() < leastRSA {
		errs = append(errs, modules.Argf("certificate_pem", "has an RSA key of %d bits; OpenSSL on Debian and Ubuntu wants %d, and nginx doesn't start with less",
			rsa.N.BitLen(), leastRSA))
	}
	if missing := uncovered(chain[0], args.Names); len(missing) > 0 {
		errs = append(errs, modules.Argf("certificate_pem", "is not for %s, but for %s",
			strings.Join(missing, ", "), cmp.Or(strings.Join(chain[0].DNSNames, ", "), "no host")))
	}
	if err := checkChain(chain, roots); err != nil {
		errs = append(errs, err)
	}
	return chain, errors.Join(errs...)
}

// checkChain checks that the next certificate signed each one, and a root that clients trust the last.
func checkChain(chain []*x509.Certificate, roots []byte) error {
	for i, c := range chain[:len(chain)-1] {
		if c.Equal(chain[i+1]) {
			return modules.Argf("certificate_pem", "has the same certificate twice (%s)", subject(c))
		}
		if err := c.CheckSignatureFrom(chain[i+1]); err != nil {
			return &modules.ArgError{
				Arg: "certificate_pem", Err: fmt.Errorf("certificate %d (%s) is not signed by the next one (%s)", i+1, subject(c), subject(chain[i+1])),
				Hint: "Each certificate must be followed by the one that signed it, which is " + issuer(c) + ".",
			}
		}
	}
	last := chain[len(chain)-1]
	if selfIssued(last) && roots == nil {
		return nil // the root is there itself, or the certificate is self-signed
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	// At a time when all of them are valid: the host's clock decides what has expired.
	from, until := lifetime(chain)
	at := from.NotBefore
	var pool *x509.CertPool // nil: of this machine
	if roots != nil {
		pool = x509.NewCertPool()
	}
	for _, root := range parseRoots(roots) {
		pool.AddCert(root)
		if string(root.RawSubject) == string(last.RawIssuer) && root.NotBefore.After(at) {
			at = root.NotBefore
		}
	}
	if at.After(until.NotAfter) {
		return modules.Argf("certificate_pem", "is accepted by clients at no time: %s expires on %s, before all of the others are valid", subject(until), day(until.NotAfter))
	}
	at = at.Add(time.Second)
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err == nil {
		return nil
	}
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return &modules.ArgError{
			Arg: "certificate_pem", Err: fmt.Errorf("is incomplete: it ends with %s, signed by %s, which is not a trusted root", subject(last), issuer(last)),
			Hint: "Append the certificate of " + issuer(last) + " (CAs call it the intermediate or the chain). If it is a CA of your own, name its file in ca_file.",
		}
	}
	return modules.Argf("certificate_pem", "is not accepted by clients: %w", err)
}

// parseRoots reads the certificates of a file of CAs, without what else is in it.
func parseRoots(text []byte) (roots []*x509.Certificate) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			roots = append(roots, c)
		}
	}
	return roots
}

// lifetime returns the certificate of a chain that is valid last, and the one that expires first. A root that a server sends is not
// looked at: clients have their own.
func lifetime(chain []*x509.Certificate) (from, until *x509.Certificate) {
	from, until = chain[0], chain[0]
	for _, c := range chain[1:] {
		if selfIssued(c) {
			continue
		}
		if c.NotBefore.After(from.NotBefore) {
			from = c
		}
		if c.NotAfter.Before(until.NotAfter) {
			until = c
		}
	}
	return from, until
}

func subject(c *x509.Certificate) string {
	if c.Subject.String() == "" {
		return strings.Join(c.DNSNames, ", ")
	}
	return c.Subject.String()
}

func issuer(c *x509.Certificate) string { return c.Issuer.String() }
