package report

import (
	"testing"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
)

// An approval is neither a change nor up to date.
func TestApprovalsAreCountedApart(t *testing.T) {
	t.Parallel()
	for mode, want := range map[engine.Mode]string{engine.Plan: "1 to approve, 3 up to date", engine.Apply: "1 approved, 3 up to date"} {
		if got := (&text{mode: mode}).sum(engine.Counts{OK: 3, Asks: 1}); got != want {
			t.Errorf("%v: %s, want %s", mode, got, want)
		}
	}
}
