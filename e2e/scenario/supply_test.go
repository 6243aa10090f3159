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
