package scenario

import (
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/writes"
	"github.com/rcprov/rcprov/e2e/lab"
)

// A snapshot is what was written on a host until a moment.
type snapshot = writes.Snapshot

// takeSnapshot returns nil for a virtual machine, whose writes nobody sees. For previous and alive see [writes.Take].
func takeSnapshot(t *testing.T, h *lab.Host, previous *snapshot, alive ...string) *snapshot {
	t.Helper()
	if h.Layers == nil {
		return nil
	}
	now, err := writes.Take(h.Layers, previous, alive...)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func touched(before, after *snapshot) []string { return writes.Touched(before, after) }

func differences(before, after *snapshot) ([]string, error) { return writes.Changed(before, after) }
