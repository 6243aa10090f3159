package main

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestGiveKey: the person who has called `make lab-up` by sudo can read the key that the printed ssh command names, and nobody else.
func TestGiveKey(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "id_ed25519")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	owner := os.Getuid()
	if owner == 0 {
		owner = 65534
	}
	t.Setenv("SUDO_UID", strconv.Itoa(owner))
	t.Setenv("SUDO_GID", strconv.Itoa(os.Getgid()))
	if err := giveKey(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != owner {
		t.Errorf("it belongs to %d, want %d", got, owner)
	}
	t.Setenv("SUDO_UID", "")
	if err := giveKey(filepath.Join(dir, "missing")); err != nil {
		t.Errorf("without sudo: %v", err)
	}
}
