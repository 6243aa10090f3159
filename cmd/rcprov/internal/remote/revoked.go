package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// krlMagic begins a key revocation list: PROTOCOL.krl of OpenSSH.
const krlMagic = "SSHKRL\n\x00"

// checkRevoked returns an error when the file of RevokedHostKeys has the key of a host, or the authority of its certificate. As for ssh,
// a file that can't be read refuses every key. Source: authfile.c, sshkey_check_revoked.
func checkRevoked(ctx context.Context, path, host string, key ssh.PublicKey) error {
	unknown := func(err error) error {
		return modules.WithHint(fmt.Errorf("RevokedHostKeys: %w; without it no host key can be accepted", err), "Repair %s, or remove RevokedHostKeys from ssh_config.", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return unknown(err)
	}
	plain := plainKey(key)
	problem := &HostKeyError{Host: host, Problem: Revoked, Type: plain.Type(), Fingerprint: ssh.FingerprintSHA256(plain)}
	refuse := func(line int) error {
		problem.Known = []KnownKey{{Type: problem.Type, Fingerprint: problem.Fingerprint, File: path, Line: line}}
		return modules.WithHint(problem, "Don't connect. Give the host a new key, or remove it from %s (RevokedHostKeys of ssh_config) if it is there by mistake.", path)
	}
	if bytes.HasPrefix(content, []byte(krlMagic)) {
		revoked, err := inKRL(ctx, path, key)
		switch {
		case err != nil:
			return unknown(err)
		case revoked:
			return refuse(0)
		}
		return nil
	}
	bad := [][]byte{plain.Marshal()}
	if cert, ok := key.(*ssh.Certificate); ok {
		bad = append(bad, cert.SignatureKey.Marshal())
	}
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		listed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return unknown(fmt.Errorf("%s line %d: %w", path, i+1, err))
		}
		for _, blob := range bad {
			if bytes.Equal(plainKey(listed).Marshal(), blob) {
				return refuse(i + 1)
			}
		}
	}
	return nil
}

// plainKey returns the key of a certificate, and any other key as it is.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// krlTimeout is how long ssh-keygen may take.
const krlTimeout = 20 * time.Second

// inKRL asks ssh-keygen whether a key revocation list has the key: golang.org/x/crypto can't read one.
func inKRL(ctx context.Context, path string, key ssh.PublicKey) (bool, error) {
	name, err := writeTemporary(string(ssh.MarshalAuthorizedKey(key)))
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(name) }()
	ctx, cancel := context.WithTimeout(ctx, krlTimeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, "ssh-keygen", "-Q", "-f", path, name).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &exit) && exit.ExitCode() == 1 && bytes.Contains(output, []byte("REVOKED")):
		return true, nil
	case errors.As(err, &exit):
		return false, fmt.Errorf("ssh-keygen -Q -f %s: %s", path, modules.LastLine(output))
	}
	return false, fmt.Errorf("%s is a key revocation list, which only ssh-keygen reads: %w", path, err)
}
