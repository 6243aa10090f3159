package node

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestSums reads a signed list; how signatures are checked is tested in package signed.
func TestSums(t *testing.T) {
	t.Parallel()
	key, err := openpgp.NewEntity("releaser", "", "releaser@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	var list, public bytes.Buffer
	w, err := clearsign.Encode(&list, key.PrivateKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.Repeat("1", 64)
	if _, err := w.Write([]byte(sum + "  node-v22.22.3-linux-x64.tar.gz\n2222  node-v22.22.3-linux-x64.tar.xz\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := key.Serialize(&public); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(list.Bytes()) // an error is the client's
	}))
	defer server.Close()
	args := Args{
		Version: "22.22.3", Mirror: server.URL, KeyFile: "keys",
		Fingerprints: []string{hex.EncodeToString(key.PrimaryKey.Fingerprint)},
	}
	sums, err := newSums(args, modules.Env{ReadFile: func(string) ([]byte, error) { return public.Bytes(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]struct{ sum, err string }{
		"node-v22.22.3-linux-x64.tar.gz":   {sum: sum},
		"node-v22.22.3-linux-x64.tar.xz":   {err: `must be a SHA-256, 64 hexadecimal digits, not "2222"`},
		"node-v22.22.3-linux-arm64.tar.gz": {err: sums.URL + " does not list node-v22.22.3-linux-arm64.tar.gz"},
	} {
		if sum, err := sums.of(t.Context(), file); sum != want.sum || moduletest.ErrorText(err) != want.err {
			t.Errorf("%s: %q, %v; want %+v", file, sum, err, want)
		}
	}
}
