package acmecertificate

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/go-acme/lego/v4/certcrypto"
)

// keyTypeOf returns the type of a certificate's key, as lego names it.
func keyTypeOf(c *x509.Certificate) certcrypto.KeyType {
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return certcrypto.KeyType(key.Curve.Params().Name[:1] + key.Curve.Params().Name[2:]) // "P-256" is lego's "P256"
	case *rsa.PublicKey:
		return certcrypto.KeyType(fmt.Sprint(key.N.BitLen()))
	}
	return certcrypto.KeyType(c.PublicKeyAlgorithm.String())
}

// keyTypeName returns the value of the argument key_type for a type.
func keyTypeName(t certcrypto.KeyType) string {
	for name, known := range keyTypes {
		if known == t {
			return name
		}
	}
	return string(t)
}
