package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A keyPair is an SSH key, in the forms in which files hold it.
type keyPair struct {
	private []byte // OpenSSH PEM
	public  string // one line of an authorized_keys file, without newline
}

func newKeyPair(comment string) (keyPair, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return keyPair{}, err
	}
	sshPublic, err := ssh.NewPublicKey(public)
	if err != nil {
		return keyPair{}, err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPublic)))
	return keyPair{private: pem.EncodeToMemory(block), public: line + " " + comment}, nil
}

// clientKey returns the key that all hosts of the lab in dir let in, with the path of its private half. It is made
// when there is none yet; the caller holds the lab's lock.
func clientKey(dir string) (keyFile, public string, err error) {
	keyFile = filepath.Join(dir, "id_ed25519")
	line, err := os.ReadFile(keyFile + ".pub")
	if err == nil {
		return keyFile, strings.TrimSpace(string(line)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	key, err := newKeyPair("rcprov-lab")
	if err != nil {
		return "", "", fmt.Errorf("make the lab's SSH key: %w", err)
	}
	if err := os.WriteFile(keyFile, key.private, 0o600); err != nil {
		return "", "", err
	}
	// The public half is written last: once it is there, the key is whole.
	return keyFile, key.public, os.WriteFile(keyFile+".pub", []byte(key.public+"\n"), 0o644)
}

// knownHostsLine returns the line of a known_hosts file for a host at address and port.
func knownHostsLine(address string, port int, public string) string {
	name := address
	if port != 22 {
		name = "[" + address + "]:" + strconv.Itoa(port)
	}
	fields := strings.Fields(public)
	return name + " " + fields[0] + " " + fields[1] + "\n"
}

// joinPort returns host:port as net.Dial takes it.
func joinPort(address string, port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }
