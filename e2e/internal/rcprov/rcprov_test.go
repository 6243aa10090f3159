package rcprov

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunString(t *testing.T) {
	t.Parallel()
	r := Run{Args: []string{"apply", "x.hcl"}, Exit: 1, Duration: 1500 * time.Microsecond, Stderr: "and this\n", Stdout: `{"version":1,"type":"step_ok","time":"2026-11-22T00:13:17.255527323Z","run":"R","host":"h","step":"a","index":1,"change":{"edits":[]}}
{"version":1,"type":"step_changed","time":"2026-11-22T00:13:17.255527323Z","run":"R","mode":"apply","host":"h","step":"b","index":2,"change":{"edits":[{"action":"create"}]}}
no JSON
`}
	want := `rcprov apply x.hcl: exit status 1 after 2ms
17.255 step_changed {"change":{"edits":[{"action":"create"}]},"host":"h","step":"b"}
no JSON
and this
`
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
