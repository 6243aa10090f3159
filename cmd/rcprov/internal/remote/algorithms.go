package remote

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// What ssh accepts if ssh_config has no list, as far as the library knows it: less than the library's own. Source: myproposal.h,
// KEX_CLIENT_KEX, KEX_CLIENT_ENCRYPT, KEX_CLIENT_MAC and KEX_DEFAULT_PK_ALG, of OpenSSH 9.2 to 10.5.
var (
	sshKeyExchanges = []string{
		ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519, // and by its older name, which the library adds
		ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521,
		ssh.KeyExchangeDHGEXSHA256, ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDH14SHA256,
	}
	sshCiphers = []string{
		ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305,
		ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
	}
	sshMACs       = []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM, ssh.HMACSHA256, ssh.HMACSHA512, ssh.HMACSHA1}
	sshPublicKeys = []string{
		ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoSKED25519v01, ssh.CertAlgoSKECDSA256v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
)

// withTheirOwnMAC are ciphers that need no MAC beside them.
var withTheirOwnMAC = []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305}

// minRSABits is the least that any RSA key has: sshkey.h, SSH_RSA_MINIMUM_MODULUS_SIZE.
const minRSABits = 1024

// setAlgorithmNames reads the lists of algorithms. A server has to have one of each of the first three, so nothing is a mistake there.
func (s *settings) setAlgorithmNames(r *resolver) {
	list := func(otherwise []string, keywords ...string) []string {
		for _, keyword := range keywords {
			values, err := r.config(keyword)
			r.err = cmp.Or(r.err, err)
			if len(values) == 0 {
				continue
			}
			value := r.unquote(values[0])
			if value == "" && slices.Contains([]string{"KexAlgorithms", "Ciphers", "HostKeyAlgorithms"}, keyword) {
				r.fail(keyword, modules.WithHint(errors.New("nothing is left of the list"), "Take less away from it: ssh can't connect so, either."))
			}
			return slices.DeleteFunc(strings.Split(value, ","), func(name string) bool { return name == "" })
		}
		return otherwise
	}
	s.kex, s.ciphers, s.macs = list(sshKeyExchanges, "KexAlgorithms"), list(sshCiphers, "Ciphers"), list(sshMACs, "MACs")
	if len(s.macs) == 0 {
		s.macs = sshMACs // not used
		s.ciphers = slices.DeleteFunc(slices.Clone(s.ciphers), func(name string) bool { return !slices.Contains(withTheirOwnMAC, name) })
	}
	s.hostKeyAlgorithms = list(nil, "HostKeyAlgorithms")
	s.publicKeyAlgorithms = list(sshPublicKeys, "PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes")
	s.caSignatures = list(caSignatureAlgorithms, "CASignatureAlgorithms")
	s.rsaBits = max(minRSABits, r.number("RequiredRSASize", minRSABits))
}

// tooShort returns why an RSA key is too short for RequiredRSASize; nil: it isn't. Source: sshkey.c, sshkey_check_rsa_length.
func (s *settings) tooShort(key ssh.PublicKey) error {
	public, ok := plainKey(key).(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if rsaKey, ok := public.CryptoPublicKey().(*rsa.PublicKey); ok && rsaKey.N.BitLen() < s.rsaBits {
		return fmt.Errorf("an RSA key of %d bits is too short: RequiredRSASize of ssh_config%s wants %d", rsaKey.N.BitLen(), s.where("RequiredRSASize"), s.rsaBits)
	}
	return nil
}

// setAlgorithms makes config use the algorithms of ssh_config that the library has, in their order; those that are old and insecure
// only when ssh_config names them.
func (s *settings) setAlgorithms(config *ssh.ClientConfig) error {
	able, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	var err error
	choose := func(keyword string, wanted, good, bad []string) []string {
		known := slices.Concat(good, bad)
		list := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return !slices.Contains(known, name) })
		if len(list) == 0 && err == nil {
			err = modules.WithHint(fmt.Errorf("%s of ssh_config%s has only %s; rcprov knows %s", keyword, s.where(keyword), cmp.Or(strings.Join(wanted, ", "), "none"), strings.Join(known, ", ")),
				"Add one of those that rcprov knows for this host.")
		}
		return list
	}
	config.KeyExchanges = choose("KexAlgorithms", s.kex, able.KeyExchanges, old.KeyExchanges)
	config.Ciphers = choose("Ciphers", s.ciphers, able.Ciphers, old.Ciphers)
	config.MACs = choose("MACs", s.macs, able.MACs, old.MACs)
	if s.hostKeyAlgorithms != nil {
		allowed := choose("HostKeyAlgorithms", s.hostKeyAlgorithms, able.HostKeys, old.HostKeys)
		// Those of known keys stay first, so that the host shows one of them.
		first := slices.DeleteFunc(slices.Clone(config.HostKeyAlgorithms), func(name string) bool { return !slices.Contains(allowed, name) })
		for _, name := range allowed {
			if !slices.Contains(first, name) {
				first = append(first, name)
			}
		}
		config.HostKeyAlgorithms = first
	}
	return err
}

// noCommonAlgorithm returns a better error for a key exchange without a common algorithm; nil for other errors.
func noCommonAlgorithm(err error) error {
	var failed *ssh.AlgorithmNegotiationError
	if !errors.As(err, &failed) {
		return nil
	}
	what := strings.TrimPrefix(strings.TrimPrefix(failed.What, "client to server "), "server to client ")
	return fmt.Errorf("there is no common algorithm for the %s: the host has %s; rcprov offered %s", what,
		strings.Join(failed.RequestedAlgorithms, ", "), strings.Join(failed.SupportedAlgorithms, ", "))
}
