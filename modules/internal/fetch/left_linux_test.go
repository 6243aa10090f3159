package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules/shell"
)

// TestLeft downloads over what a killed run has left of another file. apt-helper keeps a whole file unless the server's is newer
// in whole seconds, and goes on with a part of one: both servers say the same second here.
func TestLeft(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/lib/apt/apt-helper"); err != nil {
		t.Skip(err)
	}
	wanted := bytes.Repeat([]byte("wanted\n"), 1000)
	sum := sha256.Sum256(wanted)
	modified := time.Now().Add(-time.Hour).Truncate(time.Second)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "file", modified, bytes.NewReader(wanted))
	}))
	t.Cleanup(server.Close)
	for _, left := range []struct {
		name, content string
		whole         bool // it was moved to its place
	}{
		{"nothing", "", false},
		{"a part of it", "wanted\n", false},
		{"a part of another", "others\n", false},
		{"another of its size", string(bytes.Repeat([]byte("others\n"), 1000)), false},
		{"a longer one", string(bytes.Repeat([]byte("others\n"), 1001)), false},
		{"another, whole", string(bytes.Repeat([]byte("others\n"), 1000)), true},
	} {
		t.Run(left.name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("/var/tmp", "rcprov-test-") //nolint:usetesting // _apt must get in
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.RemoveAll(dir) }()
			file := filepath.Join(dir, "partial", "file")
			if left.whole {
				file = filepath.Join(dir, "file")
			}
			for _, err := range []error{
				os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "partial"), 0o700), os.WriteFile(file, []byte(left.content), 0o644),
				os.Chtimes(file, modified, modified),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			script := Functions + "\nfetch " + shell.QuoteAll([]string{server.URL, hex.EncodeToString(sum[:]), dir})
			if out, err := exec.Command("sh", "-euc", script).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || !bytes.Equal(got, wanted) {
				t.Errorf("%.20q, %v", got, err)
			}
		})
	}
}
