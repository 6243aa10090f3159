package wait_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/wait"
)

// TestUntil has tries that take some time each, on a clock of their own.
func TestUntil(t *testing.T) {
	t.Parallel()
	broken, stopped := errors.New("broken"), errors.New("stopped")
	for _, test := range []struct {
		name     string
		pace     wait.Pace
		takes    time.Duration // one try
		done     int           // which try finds nothing missing; 0: none does
		breaks   int           // which try returns an error
		stop     time.Duration // after which the context is done; 0: never
		want     error
		text     string
		tries    []time.Duration // when they begin
		progress []string
	}{
		{name: "at once", pace: wait.Pace{Every: time.Second, Limit: time.Minute, For: "db"}, done: 1, tries: []time.Duration{0}},
		{name: "no time at all", pace: wait.Pace{Every: time.Second, Limit: time.Nanosecond}, takes: time.Second, text: "not within 1ns: no answer", tries: []time.Duration{0}},
		{
			name: "third try", pace: wait.Pace{Every: 2 * time.Second, Limit: time.Minute, For: "db"}, takes: time.Second, done: 3,
			tries:    []time.Duration{0, 3 * time.Second, 6 * time.Second},
			progress: []string{"db: no answer (1s of 1m)", "db: no answer (4s of 1m)"},
		},
		{
			name: "the last try begins at the limit", pace: wait.Pace{Every: 2 * time.Second, Limit: 5 * time.Second}, text: "not within 5s: no answer",
			tries: []time.Duration{0, 2 * time.Second, 4 * time.Second, 5 * time.Second},
		},
		{
			name: "a try is not cut short", pace: wait.Pace{Every: time.Second, Limit: 5 * time.Second}, takes: 4 * time.Second, done: 2,
			tries: []time.Duration{0, 5 * time.Second},
		},
		{
			name: "error", pace: wait.Pace{Every: time.Second, Limit: time.Minute}, breaks: 2, want: broken, text: "broken",
			tries: []time.Duration{0, time.Second},
		},
		{
			name: "stopped in a pause", pace: wait.Pace{Every: time.Minute, Limit: time.Hour}, stop: time.Second, want: stopped,
			text: "stopped (last: no answer)", tries: []time.Duration{0},
		},
		{
			name: "stopped in a try", pace: wait.Pace{Every: time.Minute, Limit: time.Hour}, takes: 3 * time.Second, stop: time.Second, want: stopped,
			text: "stopped (last: no answer)", tries: []time.Duration{0},
		},
		{
			name: "no limit", pace: wait.Pace{Every: time.Hour, For: "db"}, stop: 150 * time.Minute, want: stopped, text: "stopped (last: no answer)",
			tries: []time.Duration{0, time.Hour, 2 * time.Hour}, progress: []string{"db: no answer", "db: no answer", "db: no answer"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tries []time.Duration
				var progress []string
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if test.stop > 0 {
					time.AfterFunc(test.stop, func() { cancel(stopped) })
				}
				ctx = modules.WithProgress(ctx, func(doing string) { progress = append(progress, doing) })
				began := time.Now()
				err := wait.Until(ctx, test.pace, func() (string, error) {
					tries = append(tries, time.Since(began))
					time.Sleep(test.takes)
					switch len(tries) {
					case test.breaks:
						return "", broken
					case test.done:
						return "", nil
					}
					return "no answer", nil
				})
				text := ""
				if err != nil {
					text = err.Error()
				}
				if text != test.text || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("error %q, want %q", text, test.text)
				}
				var late *wait.TimeoutError
				if errors.As(err, &late) != (test.text != "" && test.want == nil) {
					t.Errorf("error %#v", err)
				}
				if !slices.Equal(tries, test.tries) {
					t.Errorf("tries at %v, want %v", tries, test.tries)
				}
				if !slices.Equal(progress, test.progress) {
					t.Errorf("progress %q, want %q", progress, test.progress)
				}
			})
		})
	}
}
