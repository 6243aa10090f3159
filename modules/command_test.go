package modules_test

import (
	"testing"

	"github.com/rcprov/rcprov/modules"
)

// TestLastLine has frames and progress bars of prosodyctl and openssl behind what they say.
func TestLastLine(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"":                               "",
		"one\n  two  \n\n":               "two",
		"failed: no key\n************\n": "failed: no key",
		"failed\n..+....+++++*\n-----\n": "failed",
		"\n****\n":                       "****",
		"größe\n—\n":                     "größe",
	} {
		if got := modules.LastLine([]byte(output)); got != want {
			t.Errorf("%q: %q; want %q", output, got, want)
		}
	}
}
