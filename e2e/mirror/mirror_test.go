package mirror_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// started is the mirror of this process; it ends with it.
var started = sync.OnceValues(func() (*mirror.Mirror, error) {
	return mirror.Start(context.Background(), mirror.Options{Log: os.Stderr})
})

// require returns the mirror, where hosts can be booted that use it.
func require(t *testing.T) *mirror.Mirror {
	t.Helper()
	labtest.Require(t)
	m, err := started()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// must runs a script that has to succeed, and returns what it printed.
func must(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Must(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fingerprint is that of a key's primary key, as the mirror names it.
func fingerprint(e *openpgp.Entity) string { return fmt.Sprintf("%X", e.PrimaryKey.Fingerprint) }
