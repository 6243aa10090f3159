// Package publickey reads the public keys of OpenSSH that plans contain.
package publickey

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// ErrOptions is the error of a key with something before it: options of authorized_keys, or a host's name.
var ErrOptions = errors.New("has something before the type of the key")

// Parse reads the plan's key: one public key line without options. Its errors never repeat the text, which may be
// a private key.
func Parse(text string) (key ssh.PublicKey, comment string, err error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, "", errors.New("is empty")
	case strings.Contains(text, "PRIVATE KEY-----"), strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return nil, "", errors.New("is a private key; give the public one, the file that ends with .pub")
	case strings.HasPrefix(text, "---- BEGIN SSH2 PUBLIC KEY"):
		return nil, "", errors.New("is in the format of RFC 4716; `ssh-keygen -i -f FILE` prints it as one line")
	case strings.ContainsAny(text, "\r\n"):
		return nil, "", fmt.Errorf("has %d lines; give one key", strings.Count(text, "\n")+1)
	}
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	switch {
	case err != nil && !strings.Contains(text, " "):
		return nil, "", errors.New("has one word; a public key is a type and a text, such as \"ssh-ed25519 AAAA...\"")
	case err != nil:
		return nil, "", errors.New("is not a public key: its text is cut off or damaged, or does not match the type before it")
	case len(options) > 0:
		return nil, "", ErrOptions
	case key.Type() == "ssh-dss": // DSA
		return nil, "", errors.New("is a DSA key, which OpenSSH refuses")
	case strings.Contains(key.Type(), "-cert-v01@"):
		return nil, "", errors.New("is a certificate; give the key of its authority with options = [\"cert-authority\"]")
	}
	return key, comment, nil
}
