package modules

import (
	"fmt"
	"strings"
	"time"
)

// Span writes d for people, as plans write it: "48s", "2m", "1h30m", and "730 days" from three days on. It is rounded to
// seconds, from an hour on to minutes, below ten seconds to tenths; less than
// a second is not rounded.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		d = d.Round(time.Second)
	case d < 72*time.Hour:
		d = d.Round(time.Minute)
	default:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	text := d.String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}
