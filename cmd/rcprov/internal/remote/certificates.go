package remote

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// caSignatureAlgorithms are CASignatureAlgorithms if ssh_config has none: myproposal.h, SSH_ALLOWED_CA_SIGALGS, of OpenSSH 9.2 to 10.5.
var caSignatureAlgorithms = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// checkCertificate returns why a host's certificate is not valid for the host, and what to do about it; nil: it is valid. That its
// authority is trusted for the host, and not revoked, is known. Principals are names without a port.
// Source: sshkey.c, sshkey_cert_check_authority and sshkey_cert_check_host, of OpenSSH 9.2.
func (s *settings) checkCertificate(cert *ssh.Certificate, knownAs string) (invalid error, hint string) {
	name, _, err := net.SplitHostPort(knownAs)
	if err != nil {
		name = knownAs
	}
	again := fmt.Sprintf("Sign the host's key again (`ssh-keygen -s CA -I ID -h -n %s ssh_host_%s_key.pub`), or check the @cert-authority line.", name, shortType(cert.Key.Type()))
	now := time.Now().Unix()
	switch {
	case cert.CertType != ssh.HostCert:
		return errors.New("it is a certificate for a user, not for a host"), again
	case cert.ValidAfter > uint64(now):
		return fmt.Errorf("it is not valid before %s", certTime(cert.ValidAfter)), "Check the clocks of this machine and of the authority. " + again
	case cert.ValidBefore <= uint64(now):
		return fmt.Errorf("it expired on %s", certTime(cert.ValidBefore)), again
	case len(cert.ValidPrincipals) > 0 && !slices.Contains(cert.ValidPrincipals, name):
		return fmt.Errorf("it is for %s, not for %s", strings.Join(cert.ValidPrincipals, ", "), name), again
	case !slices.Contains(s.caSignatures, cert.Signature.Format):
		return fmt.Errorf("its authority signed it with %s, which is none of %s", cert.Signature.Format, strings.Join(s.caSignatures, ", ")),
			"Sign the host's key again with another algorithm (`-t rsa-sha2-512` of `ssh-keygen -s` for an RSA key), or see CASignatureAlgorithms of ssh_config."
	}
	if err := new(ssh.CertChecker).CheckCert(name, cert); err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "ssh: ")), again
	}
	return nil, ""
}

// certTime is a time of a certificate, as text.
func certTime(seconds uint64) string {
	const forever = 1 << 40 // seconds; about 36,000 years
	return time.Unix(int64(min(seconds, forever)), 0).UTC().Format("2006-01-02 15:04 MST")
}
