package mirror_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

func TestDeno(t *testing.T) {
	d := requireHere(t).Deno
	name := d.ReleaseURL + "/v" + d.Version + "/deno-x86_64-unknown-linux-gnu.zip"
	content := get(t, name)
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	if sum != d.SHA256 || !bytes.HasPrefix(get(t, name+".sha256sum"), []byte(sum+"  ")) {
		t.Errorf("SHA-256 %s; want %s", sum, d.SHA256)
	}
	files, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(files.File) != 1 || files.File[0].Name != "deno" || files.File[0].Mode().Perm() != 0o755 {
		t.Errorf("zip: %+v, %v", files, err)
	}
}
