package observe

import (
	"fmt"
	"strconv"
	"time"
)

// Clock answers what time it is on the host, in whole seconds. Diff has no other clock: what has expired is decided
// by the host's time. Its subject is always the empty struct.
var Clock = &Kind[struct{}, time.Time]{
	Name:   "clock",
	Script: func([]struct{}) string { return "date +%s" },
	Parse: func(_ []struct{}, reply Reply) map[struct{}]Answer[time.Time] {
		var a Answer[time.Time]
		lines := reply.Lines()
		if len(lines) != 1 {
			a.Err = reply.failure()
		} else if seconds, err := strconv.ParseInt(lines[0], 10, 64); err != nil {
			a.Err = fmt.Errorf("date answered %q", lines[0])
		} else {
			a.Value = time.Unix(seconds, 0)
		}
		return map[struct{}]Answer[time.Time]{{}: a}
	},
}
