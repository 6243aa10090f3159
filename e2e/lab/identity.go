package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// An identity is what the lab keeps of a virtual machine: who owns it, and the host key that it is given.
type identity struct {
	name    string // of the host in the lab
	dir     string
	owner   *owner
	hostKey keyPair
	keyFile string
	client  string // the public line of the lab's key
}

// newIdentity makes the directory of a virtual machine and its host key.
func newIdentity(dir string, spec Spec) (*identity, error) {
	id := &identity{name: spec.Name, dir: filepath.Join(dir, "vms", spec.Name)}
	unlock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if id.keyFile, id.client, err = clientKey(dir); err != nil {
		return nil, err
	}
	if id.hostKey, err = newKeyPair(spec.Name); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(id.dir), 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(id.dir, 0o755); err != nil {
		return nil, fmt.Errorf("is there a host of this name? `make lab-down` removes it: %w", err)
	}
	id.owner, err = newOwner(filepath.Join(id.dir, "owner"), spec.Keep)
	return id, err
}

// removeIdentities calls remove for each virtual machine with one of these ownerships.
func removeIdentities(dir string, remove func(*identity) error, which ...ownership) error {
	entries, err := os.ReadDir(filepath.Join(dir, "vms"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		id := &identity{name: e.Name(), dir: filepath.Join(dir, "vms", e.Name())}
		whose, err := ownerOf(filepath.Join(id.dir, "owner"))
		if err == nil && slices.Contains(which, whose) {
			err = remove(id)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (id *identity) remove() error {
	defer id.owner.release()
	return os.RemoveAll(id.dir)
}

// host returns the Host of this identity at an address.
func (id *identity) host(spec Spec, address string, port int, m machine) (*Host, error) {
	h := &Host{
		Name: spec.Name, Image: spec.Image, Address: address, Port: port,
		KeyFile: id.keyFile, KnownHosts: filepath.Join(id.dir, "known_hosts"),
		machine: m, patience: 5 * time.Minute, // the first boot runs cloud-init
	}
	var err error
	if h.hostKey, _, _, _, err = ssh.ParseAuthorizedKey([]byte(id.hostKey.public)); err != nil {
		return nil, err
	}
	return h, os.WriteFile(h.KnownHosts, []byte(knownHostsLine(address, port, id.hostKey.public)), 0o644)
}

// cloudConfig returns the user data for cloud-init: the lab's users and keys.
// https://docs.cloud-init.io/en/latest/reference/modules.html (ssh, users_and_groups)
func (id *identity) cloudConfig(hostname string) string {
	indented := "    " + strings.ReplaceAll(strings.TrimSpace(string(id.hostKey.private)), "\n", "\n    ")
	return `#cloud-config
hostname: ` + hostname + `
disable_root: false
ssh_deletekeys: true
ssh_keys:
  ed25519_private: |
` + indented + `
  ed25519_public: ` + id.hostKey.public + `
users:
  - default
  - name: root
    ssh_authorized_keys: ["` + id.client + `"]
  - name: ` + User + `
    shell: /bin/bash
    sudo: ["ALL=(ALL) NOPASSWD: ALL"]
    ssh_authorized_keys: ["` + id.client + `"]
`
}
