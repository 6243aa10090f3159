//go:build !linux

package scenario

import (
	"testing"

	"github.com/rcprov/rcprov/e2e/lab"
)

// A snapshot can't be taken here: hosts are virtual machines.
type snapshot struct{}

func takeSnapshot(*testing.T, *lab.Host, *snapshot, ...string) *snapshot { return nil }

func touched(_, _ *snapshot) []string { return nil }

func differences(_, _ *snapshot) ([]string, error) { return nil, nil }
