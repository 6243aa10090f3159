//go:build linux

package conformance

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestBroken proves that a case that fails names its law as README.md does, what was expected and what was seen.
func TestBroken(t *testing.T) {
	got := repairs.broken("plan sees the drift", "plan: %s", exit(rcprov.Run{Exit: 0}))
	want := "law 3 (apply after a drift repairs it and touches nothing else) does not hold.\n  expected: plan sees the drift\n  seen: plan: exit status 0, nothing more to change"
	if moduletest.ErrorText(got) != want {
		t.Errorf("%v; want %s", got, want)
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for l := harmless; l <= raced; l++ {
		if !strings.HasPrefix(l.String(), "law "+strconv.Itoa(int(l))+" (") || !strings.Contains(string(text), "\n"+strconv.Itoa(int(l))+". ") {
			t.Errorf("%v: not the number of one of the laws in README.md", l)
		}
	}
}
