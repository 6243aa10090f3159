package modules_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestWriteFileKeepsAttributes is a file whose mode the plan gives: its access control list stays, under the mask of that mode, and
// so do its extended attributes.
func TestWriteFileKeepsAttributes(t *testing.T) {
	t.Parallel()
	f := mine(t, "new, and longer than what was there")
	f.Mode = 0o640
	if err := os.WriteFile(f.Path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	const list, attribute = "system.posix_acl_access", "user.origin"
	if err := unix.Setxattr(f.Path, list, accessList(6), 0); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{list: string(accessList(4))}
	if err := unix.Setxattr(f.Path, attribute, []byte("here"), 0); err == nil { // tmpfs has none before Linux 6.6
		wanted[attribute] = "here"
	}
	if err := modules.WriteFile(t.Context(), &moduletest.Host{}, f); err != nil {
		t.Fatal(err)
	}
	for name, want := range wanted {
		got := make([]byte, 256)
		n, err := unix.Getxattr(f.Path, name, got)
		if err != nil || string(got[:n]) != want {
			t.Errorf("%s: %x, %v; want %x", name, got[:max(n, 0)], err, want)
		}
	}
	info, err := os.Stat(f.Path)
	if content, _ := os.ReadFile(f.Path); err != nil || string(content) != string(f.Content) || info.Mode() != f.Mode {
		t.Errorf("content %q, %v, %v", content, info, err)
	}
}

// accessList is an access control list, acl(5), with the rights of its mask; the format is that of linux/posix_acl_xattr.h:
// version, then tag, rights and number of each entry.
func accessList(mask uint16) []byte {
	acl := []byte{2, 0, 0, 0}
	for _, entry := range []struct {
		tag, rights uint16
		id          uint32
	}{
		{0x01, 6, 1<<32 - 1},    // user::rw-
		{0x02, 6, 5},            // user:5:rw-
		{0x04, 4, 1<<32 - 1},    // group::r--
		{0x10, mask, 1<<32 - 1}, // mask
		{0x20, 0, 1<<32 - 1},    // other::---
	} {
		acl = binary.LittleEndian.AppendUint16(acl, entry.tag)
		acl = binary.LittleEndian.AppendUint16(acl, entry.rights)
		acl = binary.LittleEndian.AppendUint32(acl, entry.id)
	}
	return acl
}

// TestWriteFileKeepsAccess is a file that a group may not write although its mode, which then shows the mask of its access
// control list, seems to say so.
func TestWriteFileKeepsAccess(t *testing.T) {
	t.Parallel()
	f := mine(t, "new, and longer than what was there")
	f.Keep = true
	if err := os.WriteFile(f.Path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	acl := accessList(6)
	const list = "system.posix_acl_access"
	if err := unix.Setxattr(f.Path, list, acl, 0); err != nil {
		t.Fatal(err)
	}
	past := time.Unix(1, 0)
	if err := os.Chtimes(f.Path, past, past); err != nil {
		t.Fatal(err)
	}

	if err := modules.WriteFile(t.Context(), &moduletest.Host{}, f); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 256)
	n, err := unix.Getxattr(f.Path, list, got)
	if err != nil || string(got[:n]) != string(acl) {
		t.Errorf("access control list %x, %v; want %x", got[:max(n, 0)], err, acl)
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(f.Path); string(content) != string(f.Content) || info.ModTime().Equal(past) {
		t.Errorf("content %q of %v", content, info.ModTime())
	}
}

// TestSetRightsKeepsAttributes is a file and a directory of which only the mode and the owner are set.
func TestSetRightsKeepsAttributes(t *testing.T) {
	t.Parallel()
	f := mine(t, "")
	dir := f.Path + ".d"
	if err := errors.Join(os.WriteFile(f.Path, nil, 0o600), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]string{f.Path: "0640", dir: "0740"} {
		const list = "system.posix_acl_access"
		if err := unix.Setxattr(path, list, accessList(6), 0); err != nil {
			t.Fatal(err)
		}
		me := strconv.Itoa(os.Getuid())
		if err := modules.SetRights(t.Context(), &moduletest.Host{}, path, mode, me, strconv.Itoa(os.Getgid())); err != nil {
			t.Fatal(err)
		}
		if n, err := unix.Getxattr(path, list, make([]byte, 256)); err != nil || n != len(accessList(4)) {
			t.Errorf("%s: access control list of %d bytes, %v", path, n, err)
		}
	}
}
