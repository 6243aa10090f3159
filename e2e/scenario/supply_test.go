package scenario

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// wine is the image in which the lab's mongod runs.
const wine = "debian-12-wine"

// theMirror is that of this process, or with MIRROR=vendor what stands for the vendors' own servers; it ends with the
// process.
var theMirror = sync.OnceValues(func() (*mirror.Mirror, error) {
	options, err := mirror.OptionsFromEnv()
	if err != nil {
		return nil, err
	}
	options.Log = os.Stderr
	return mirror.Start(context.Background(), options)
})

// TestMain says once, and not in each test, that the vendors' servers can't be reached.
func TestMain(m *testing.M) {
	if os.Getenv("MIRROR") != "" {
		if _, err := theMirror(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	labtest.Main(m)
}

// supply returns the mirror, and the image of hosts that can run its MongoDB.
func supply(t *testing.T) (m *mirror.Mirror, image string) {
	t.Helper()
	m, err := theMirror()
	if err != nil {
		t.Fatal(err)
	}
	images := labtest.Require(t).Images()
	switch {
	case m.Vendor:
		return m, images[0]
	case !slices.Contains(images, wine):
		labtest.Skip(t, "only nspawn has the image "+wine)
	}
	return m, wine
}

// text is a string of a plan; null, which means the default, for what the vendors' own servers need not be told.
func text(value string) string {
	if value == "" {
		return "null"
	}
	return fmt.Sprintf("%q", value)
}

// list is a list of one string, or null.
func list(value string) string {
	if value == "" {
		return "null"
	}
	return "[" + text(value) + "]"
}

// supplyVars are the variables of plans/prod.hcl that say where things come from.
func supplyVars(m *mirror.Mirror) map[string]string {
	vars := map[string]string{"node_version": "22.22.3", "mongodb_version": m.MongoDB.Series}
	if m.Vendor {
		return vars
	}
	source := func(what, uri, keyURL, fingerprint string) string {
		return fmt.Sprintf("{%s = %q, key_url = %q, fingerprints = [%q]}", what, uri, keyURL, fingerprint)
	}
	vars["check_mongodb_version"] = "false" // the lab's stand-in takes the lab's MongoDB
	vars["mongodb_repository"] = source("uri", m.MongoDB.URI, m.MongoDB.KeyURL, m.MongoDB.Fingerprint)
	vars["node_releases"] = source("mirror", m.Node.DistURL, m.Node.KeyURL, m.Node.Fingerprint)
	vars["rocketchat_releases"] = source("uri", m.RocketChat.URL, m.RocketChat.KeyURL, m.RocketChat.Fingerprint)
	vars["npm_registry"] = m.NPMRegistry
	vars["build_packages"] = "[]"
	return vars
}
