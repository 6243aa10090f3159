package modules

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                                   "0s",
		10 * time.Millisecond:               "10ms",
		1234 * time.Millisecond:             "1.2s",
		48*time.Second + time.Millisecond:   "48s",
		2 * time.Minute:                     "2m",
		150 * time.Second:                   "2m30s",
		time.Hour - time.Millisecond:        "1h",
		time.Hour:                           "1h",
		90*time.Minute + 3*time.Second:      "1h30m",
		26 * time.Hour:                      "26h",
		17520*time.Hour + 300*time.Hour/100: "730 days",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
