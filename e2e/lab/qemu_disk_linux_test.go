package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestJoinDisk: the boot sector keeps GRUB's code and gets a table with one active partition, the core follows it, and the file
// system begins at 1 MiB.
func TestJoinDisk(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	boot := file("boot", bytes.Repeat([]byte{'b'}, 512))
	core := file("core", bytes.Repeat([]byte{'c'}, 1000))
	root := file("root", []byte("files"))
	raw := filepath.Join(dir, "raw")
	if err := joinDisk(raw, boot, core, root); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 1<<20+5)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	table := []byte("\x80\x00\x02\x00\x83\xff\xff\xff\x00\x08\x00\x00\x00\xf8\xff\x00") // from 1 MiB to 8 GiB
	for _, part := range []struct {
		name string
		at   int
		want []byte
	}{
		{"code", 0, bytes.Repeat([]byte{'b'}, 440)},
		{"table", 446, table},
		{"end of the sector", 510, []byte{0x55, 0xaa}},
		{"core", 512, bytes.Repeat([]byte{'c'}, 1000)},
		{"files", 1 << 20, []byte("files")},
	} {
		if got := head[part.at : part.at+len(part.want)]; !bytes.Equal(got, part.want) {
			t.Errorf("%s: got %x; want %x", part.name, got, part.want)
		}
	}
	if info, err := f.Stat(); err != nil || info.Size() != diskSize {
		t.Errorf("size: got %v, %v; want %d", info.Size(), err, diskSize)
	}
	if err := joinDisk(raw, file("short", nil), core, root); err == nil {
		t.Error("no boot sector is an error")
	}
}
