//go:build linux

package conformance

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// TestConformance proves the laws for each case of cases/*.hcl on each image. One case alone:
//
//	go test ./e2e/conformance -run 'TestConformance/debian-12/file/content,_mode_and_owner' -v
//
// RCPROV_KILLS says how often apply is killed for law 4 (3), RCPROV_SEED varies the moments (1).
func TestConformance(t *testing.T) {
	labtest.Require(t)
	files, err := readCases("cases")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rcprov.Binary(); err != nil {
		t.Fatal(err)
	}
	images := labtest.Images(t)
	ran := labtest.Counts(t)
	kills, seed := number(t, "RCPROV_KILLS", 3), number(t, "RCPROV_SEED", 1)
	for _, module := range order(files) {
		for _, c := range files[module] {
			for _, image := range c.images(t, images) {
				t.Run(image+"/"+module+"/"+c.Name, func(t *testing.T) {
					ran()
					t.Parallel()
					prove(t, image, c, kills, random(seed, t.Name()))
				})
			}
		}
	}
}

// order returns the modules with those whose cases take longest at the end. Go starts parallel tests in about the reverse
// order, and then nobody waits long for the last one.
func order(files map[string][]Case) []string {
	long := func(module string) int {
		if slices.ContainsFunc(files[module], func(c Case) bool { return c.Mirror || c.Installed != "" }) {
			return 1
		}
		return 0
	}
	return slices.SortedFunc(maps.Keys(files), func(a, b string) int {
		return cmp.Or(cmp.Compare(long(a), long(b)), strings.Compare(a, b))
	})
}

// images returns the images for a case, of those that the tests run on. RCPROV_IMAGES holds for all cases.
func (c Case) images(t *testing.T, all []string) []string {
	switch {
	case c.Machine && labtest.Require(t).Name() == "nspawn":
		fmt.Printf("%s: needs a machine with a kernel of its own, and these are containers: RCPROV_LAB=qemu proves it\n", c.Name)
		return nil
	case c.Image == "":
		return all
	case os.Getenv("RCPROV_IMAGES") != "" && !slices.Contains(all, c.Image):
		return nil
	case !slices.Contains(labtest.Require(t).Images(), c.Image):
		t.Run(c.Image+"/"+c.Name, func(t *testing.T) { labtest.Skip(t, "only nspawn has the image "+c.Image) })
		return nil
	}
	return []string{c.Image}
}

// theMirror is that of this process; it ends with it.
var theMirror = sync.OnceValues(func() (*mirror.Mirror, error) {
	return mirror.Start(context.Background(), mirror.Options{Log: os.Stderr})
})

// prove proves the laws for a case on two fresh hosts.
func prove(t *testing.T, image string, c Case, kills int, random *rand.Rand) {
	ctx, fail := t.Context(), labtest.Last(t)
	if with := image + "-" + c.Installed; slices.Contains(labtest.Require(t).Images(), with) {
		image = with
	}
	first, locals := labtest.Launch(t, image), ""
	if c.Mirror { // which listens on the hosts' bridge
		m, err := theMirror()
		if err == nil {
			locals, err = m.Locals()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := newSubject(ctx, first, c, locals, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if s.fresh == nil {
		t.Log("no overlay file system: what is written on a virtual machine is not proved, only what rcprov reports")
	}
	s.spoils = strings.HasPrefix(image, "debian-12") // one of the two
	state, took, err := undisturbed(ctx, s, c)
	if err != nil {
		fail(err)
		return
	}
	second, err := newSubject(ctx, labtest.Launch(t, image), c, locals, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fail(killed(ctx, second, moments(random, kills, took), s.fresh, state))
}

// readsNothing are the modules without a case with Reads, and why.
var readsNothing = map[string]string{
	"acme_certificate":  "its scenarios break its files one by one",
	"approval":          "reads no file",
	"apt_repository":    "its list and key are drifts of its cases, with what apt says of them",
	"apt_upgrade":       "asks apt, which reads what it reads",
	"archive":           "without a note of its own, what is there may be somebody else's: an error",
	"authorized_key":    "emptied and given away by its drifts; a file that its user may not read is an error",
	"check":             "runs the plan's program",
	"command":           "runs the plan's program",
	"directory":         "reads no file",
	"git":               "a repository whose files are emptied is broken: an error",
	"group":             "reads what getent says; without /etc/group nothing works",
	"http_check":        "reads no file",
	"jitsi":             "its packages own its files; jitsi's scenario breaks them one by one",
	"link":              "reads no file",
	"mongo_replica_set": "reads no file",
	"mongod":            "made of file and systemd_unit",
	"nginx":             "made of file, apt_package and systemd_unit",
	"node":              "made of archive and link",
	"reboot":            "reads no file",
	"rocketchat":        "made of archive, file and systemd_unit",
	"tree":              "compares files with those of the controller; emptied ones are drifts",
	"tcp_check":         "reads no file",
	"ufw":               "nothing can be told without its files; an empty file of rules is a missing one to ufw, and an error in plan",
}

// TestReads proves that each module is in one of the two lists.
func TestReads(t *testing.T) {
	files, err := readCases("cases")
	if err != nil {
		t.Fatal(err)
	}
	for module, cases := range files {
		reads := slices.ContainsFunc(cases, func(c Case) bool { return len(c.Reads) > 0 })
		if why, exempt := readsNothing[module]; reads == exempt {
			t.Errorf("%s: has a case with reads: %t; reason for none: %q. Give a case reads, or readsNothing a reason", module, reads, why)
		}
	}
	for module := range readsNothing {
		if files[module] == nil {
			t.Errorf("readsNothing has %s, which has no cases", module)
		}
	}
}

// random returns a source that is the same for a test in each run with the same seed.
func random(seed int, test string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(test)) // never fails
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

// number returns a number from the environment.
func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

func TestMoments(t *testing.T) {
	all := moments(random(1, "x"), 4, 400)
	if len(all) != 4 || !slices.IsSorted(all) || all[3] < 300 || all[3] > 400 || all[0] > 100 {
		t.Errorf("got %v; want one in each quarter", all)
	}
}
