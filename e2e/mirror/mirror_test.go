package mirror_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// require returns a mirror that ends with the test, for the hosts of the lab. Its address exists only while there are
// hosts.
func require(t *testing.T) *mirror.Mirror {
	t.Helper()
	return start(t, mirror.Options{})
}

// requireHere returns a mirror that ends with the test and that only this machine reaches, also without hosts.
func requireHere(t *testing.T) *mirror.Mirror {
	t.Helper()
	return start(t, mirror.Options{Listen: "127.0.0.1:0"})
}

func start(t *testing.T, o mirror.Options) *mirror.Mirror {
	t.Helper()
	labtest.Require(t)
	m, err := mirror.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestStart starts a second mirror, which must not build anything.
func TestStart(t *testing.T) {
	requireHere(t)
	var log bytes.Buffer
	start(t, mirror.Options{Listen: "127.0.0.1:0", Log: &log})
	if log.Len() > 0 {
		t.Errorf("the second start built something:\n%s", &log)
	}
}

// must runs a script that must succeed, and returns its output.
func must(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Must(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fingerprint returns the fingerprint of the primary key, in the mirror's form.
func fingerprint(e *openpgp.Entity) string { return fmt.Sprintf("%X", e.PrimaryKey.Fingerprint) }
