package plan

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestLargeFile: a large file is read once, so all hosts get the same; a small one is read each time, for which nothing is kept.
func TestLargeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	var l largeFiles
	for size, kept := range map[int]bool{largeFile - 1: false, largeFile: true} {
		for _, text := range []string{"a", "b"} {
			if err := os.WriteFile(path, bytes.Repeat([]byte(text), size), 0o600); err != nil {
				t.Fatal(err)
			}
			content, err := l.read(path)
			if err != nil || len(content) != size {
				t.Fatalf("%d bytes, %v; want %d", len(content), err, size)
			}
			if again := content[0] != text[0]; again != (kept && text == "b") {
				t.Errorf("%d bytes of %q: read %q", size, text, content[0])
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		delete(l.all, path)
	}
	if _, err := l.read(path); !os.IsNotExist(err) {
		t.Errorf("error %v of a file that is not there", err)
	}
}
