package remote

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"hash"
	"slices"

	"golang.org/x/crypto/ssh"
)

const encryptedPKCS8 = "ENCRYPTED PRIVATE KEY"

// isEncryptedPKCS8 reports whether content is a private key as `ssh-keygen -m PKCS8` writes it, with a passphrase.
func isEncryptedPKCS8(content []byte) bool {
	block, _ := pem.Decode(content)
	return block != nil && block.Type == encryptedPKCS8
}

// parseWithPassphrase is ssh.ParsePrivateKeyWithPassphrase, which lacks encrypted PKCS#8.
func parseWithPassphrase(content []byte, passphrase string) (ssh.Signer, error) {
	if !isEncryptedPKCS8(content) {
		return ssh.ParsePrivateKeyWithPassphrase(content, []byte(passphrase))
	}
	block, _ := pem.Decode(content)
	der, err := decryptPKCS8(block.Bytes, passphrase)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, x509.IncorrectPasswordError // the padding of a wrong one may look right
	}
	return ssh.NewSignerFromKey(key)
}

// Sources: RFC 5958, section 3 (EncryptedPrivateKeyInfo); RFC 8018, appendix A (PBES2, PBKDF2), B.1.2 and B.2 (what they are made of).
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMAC   = map[string]func() hash.Hash{
		"1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.10": sha512.New384, "1.2.840.113549.2.11": sha512.New,
	}
	oidAES = map[string]int{"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32} // CBC; length of the key
)

// maxIterations keeps a file from using up an hour of computing.
const maxIterations = 100_000_000

// decryptPKCS8 returns the private key in der. It returns x509.IncorrectPasswordError for a wrong passphrase.
func decryptPKCS8(der []byte, passphrase string) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Encrypted []byte
	}
	var scheme struct{ Derivation, Encryption pkix.AlgorithmIdentifier }
	derivation := struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}{}
	var iv []byte
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("it is encrypted in a way (%v) that rcprov doesn't know; convert it with `ssh-keygen -p -f`", info.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, err
	}
	size := oidAES[scheme.Encryption.Algorithm.String()]
	if !scheme.Derivation.Algorithm.Equal(oidPBKDF2) || size == 0 {
		return nil, fmt.Errorf("it is encrypted in a way (%v, %v) that rcprov doesn't know; convert it with `ssh-keygen -p -f`",
			scheme.Derivation.Algorithm, scheme.Encryption.Algorithm)
	}
	if _, err := asn1.Unmarshal(scheme.Derivation.Parameters.FullBytes, &derivation); err != nil {
		return nil, err
	}
	if _, err := asn1.Unmarshal(scheme.Encryption.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	digest := sha1.New // the default
	if len(derivation.PRF.Algorithm) > 0 {
		digest = oidHMAC[derivation.PRF.Algorithm.String()]
	}
	content := slices.Clone(info.Encrypted)
	if digest == nil || len(iv) != aes.BlockSize || len(content) == 0 || len(content)%aes.BlockSize != 0 ||
		derivation.Iterations < 1 || derivation.Iterations > maxIterations {
		return nil, fmt.Errorf("its encryption can't be read; convert it with `ssh-keygen -p -f`")
	}
	secret, err := pbkdf2.Key(digest, passphrase, derivation.Salt, derivation.Iterations, size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(content, content)
	padding := int(content[len(content)-1])
	if padding < 1 || padding > aes.BlockSize || !bytes.Equal(content[len(content)-padding:], bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, x509.IncorrectPasswordError
	}
	return content[:len(content)-padding], nil
}
