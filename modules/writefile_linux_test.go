package modules_test

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestWriteFileKeepsAccess is a file that a group may not write although its mode, which then shows the mask of its access
// control list, seems to say so.
func TestWriteFileKeepsAccess(t *testing.T) {
	t.Parallel()
	f := mine(t, "new, and longer than what was there")
	f.Keep = true
	if err := os.WriteFile(f.Path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	// acl(5); the format is that of linux/posix_acl_xattr.h: version, then tag, rights and number of each entry.
	acl := []byte{2, 0, 0, 0}
	for _, entry := range []struct {
		tag, rights uint16
		id          uint32
	}{
		{0x01, 6, 1<<32 - 1}, // user::rw-
		{0x02, 6, 5},         // user:5:rw-
		{0x04, 4, 1<<32 - 1}, // group::r--
		{0x10, 6, 1<<32 - 1}, // mask::rw-
		{0x20, 0, 1<<32 - 1}, // other::---
	} {
		acl = binary.LittleEndian.AppendUint16(acl, entry.tag)
		acl = binary.LittleEndian.AppendUint16(acl, entry.rights)
		acl = binary.LittleEndian.AppendUint32(acl, entry.id)
	}
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
