package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPromises: each promise of SECURITY.md names tests, and these exist.
func TestSecurityPromises(t *testing.T) {
	t.Parallel()
	const page = "../../.github/SECURITY.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	exists := tests(t)
	named := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(text), -1)
	if len(named) < 15 {
		t.Errorf("%s names %d tests", page, len(named))
	}
	for _, name := range named {
		if !exists(name) {
			t.Errorf("%s names %s, which does not exist", page, name)
		}
	}
}

// tests returns a function that reports whether a test of a name is anywhere in the module.
func tests(t *testing.T) func(name string) bool {
	t.Helper()
	var sources strings.Builder
	err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		sources.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) bool { return strings.Contains(sources.String(), "func "+name+"(") }
}

// trusted are the sentences of the README's section on trust, by their beginnings, each with the tests that would fail if it were
// not true.
var trusted = map[string]string{
	"Host keys are checked against known_hosts":  "TestHostKeys TestHostCertificates TestRevokedHostKeys",
	"For an unknown host, rcprov asks":           "TestUnknownHostIsAQuestion TestAcceptNewRemembers",
	"A changed key is always refused":            "TestHostKeys",
	"A third-party apt repository needs":         "TestNew TestReadKeyring",
	"The key is fetched on your machine":         "TestCheck TestAptNextKey TestJitsi",
	"Releases of Node.js and Rocket.Chat":        "TestSignature TestProd",
	"Signatures are checked on your machine":     "TestSignature",
	"A sensitive value stays one":                "TestMarksSurvive",
	"Arguments that keep secrets accept it":      "TestSecretArguments",
	"rcprov puts it on no command line":          "TestCanary TestCanaryHasAll TestProd TestWhatWasASecret",
	"A host can't control your terminal":         "TestText TestJSON TestHostileQuestion",
	"A sudo password goes to the host":           "TestSudoPasswordOfAnotherHost",
	"Files are written whole or not at all":      "TestWriteFile TestWriteFileKilled TestWriteFileUploads",
	"A user of the host can't block a run":       "TestLockIsRoots TestBusyFileIsHeld TestCanary",
	"In a directory that belongs to somebody":    "TestDoor TestDoorRaced TestFileOfOthers TestNothingPassesTheDoor TestRaces",
	"A link of a user's is never followed":       "TestDoor TestFileOfOthers TestRaces",
	"What a plan wants to be root's in a user's": "TestDoor TestErrors",
	"The conformance suite races every module":   "TestRaces TestRacesOfAllModules",
}

// TestTrust: each sentence of the README's section on trust has tests, and these exist.
func TestTrust(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Trust\n")
	section, _, _ = strings.Cut(section, "\n`.github/SECURITY.md`")
	sentence := regexp.MustCompile(`[^.]*(?:\.[^ ][^.]*)*\.(?: |$)`) // "Node.js" has a dot inside
	exists, left := tests(t), maps.Clone(trusted)
	for _, item := range strings.Split(section, "\n- ")[1:] {
		for _, text := range sentence.FindAllString(strings.Join(strings.Fields(item), " "), -1) {
			found := false
			for begin := range trusted {
				if strings.HasPrefix(text, begin) {
					found = true
					delete(left, begin)
				}
			}
			if !found {
				t.Errorf("nobody says which test is about %q", text)
			}
		}
	}
	for begin := range left {
		t.Errorf("no sentence begins with %q", begin)
	}
	for begin, names := range trusted {
		for _, name := range strings.Fields(names) {
			if !exists(name) {
				t.Errorf("%s: there is no %s", begin, name)
			}
		}
	}
}
