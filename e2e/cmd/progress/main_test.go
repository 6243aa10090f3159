package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const events = `
{"Time":"2026-01-01T00:00:00Z","Action":"start","Package":"x/conformance"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"x/conformance","Test":"TestAll"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"x/conformance","Test":"TestAll/debian-12/file"}
{"Time":"2026-01-01T00:00:00Z","Action":"pause","Package":"x/conformance","Test":"TestAll/debian-12/file"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"x/conformance","Test":"TestAll/debian-12/ufw"}
{"Time":"2026-01-01T00:00:00Z","Action":"pause","Package":"x/conformance","Test":"TestAll/debian-12/ufw"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"x/conformance","Test":"TestAll/debian-12/user"}
{"Time":"2026-01-01T00:00:00Z","Action":"pause","Package":"x/conformance","Test":"TestAll/debian-12/user"}
{"Time":"2026-01-01T00:00:10Z","Action":"cont","Package":"x/conformance","Test":"TestAll/debian-12/file"}
{"Time":"2026-01-01T00:00:20Z","Action":"output","Package":"x/conformance","Test":"TestAll/debian-12/file","Output":"hello\n"}
no event
{"Time":"2026-01-01T00:00:30Z","Action":"pass","Package":"x/conformance","Test":"TestAll/debian-12/file"}
{"Time":"2026-01-01T00:00:30Z","Action":"cont","Package":"x/conformance","Test":"TestAll/debian-12/ufw"}
{"Time":"2026-01-01T00:00:35Z","Action":"run","Package":"x/lab","Test":"TestHost"}
{"Time":"2026-01-01T00:00:36Z","Action":"fail","Package":"x/lab","Test":"TestHost"}
`

func TestRun(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := newRun(start)
	for line := range strings.Lines(events) {
		r.add([]byte(line))
	}
	got := r.where(start.Add(time.Minute), 16*time.Minute)
	want := "-- 1m0s of about 16m0s: 2 tests done, 1 failed, at least 2 to come; running: conformance TestAll/debian-12/ufw 30s\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	r.add([]byte(`{"Time":"2026-01-01T00:01:10Z","Action":"pass","Package":"x/conformance","Test":"TestAll/debian-12/ufw"}`))
	got = r.summary(start.Add(80*time.Second), 0.5)
	want = `
Where the time went: 1m20s, the cores busy for 50 % of it
   1m10s conformance: 3 tests, 1m0s if run one by one
      1s lab: 1 tests, 1s if run one by one
The slowest:
     40s conformance TestAll/debian-12/ufw
     20s conformance TestAll/debian-12/file
      1s lab TestHost
      0s conformance TestAll/debian-12/user
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
