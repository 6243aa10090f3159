package systemdunit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/observe"
)

// TestStamp has files in the stamp that another step for the same unit watches.
func TestStamp(t *testing.T) {
	t.Parallel()
	later := start.Add(time.Minute)
	tests := []struct {
		name string
		verb string
		is   func(*world)
		want map[string]string // of /etc/other and of what else differs from the usual
	}{
		{name: "start", verb: "start", want: map[string]string{"/etc/other": "o"}},
		{
			name: "restart reads what is there", verb: restart, is: func(w *world) { w.change("/etc/other", later, "now") },
			want: map[string]string{"/etc/other": "now"},
		},
		{name: "restart without it", verb: restart, is: func(w *world) { delete(w.unit.Files, "/etc/other") }, want: map[string]string{}},
		{
			name: "gone", verb: restart,
			is:   func(w *world) { w.unit.Files["/etc/other"] = observe.WatchedFile{CTime: "-", Fingerprint: "absent"} },
			want: map[string]string{},
		},
		{
			name: "drop-in that was", verb: restart,
			is: func(w *world) {
				const was = "/etc/systemd/system/x.service.d/was.conf"
				w.stamp("abc", was, "w")
				w.change(was, start.Add(-time.Hour), "w")
			},
			want: map[string]string{"/etc/other": "o"},
		},
		{name: "reload", verb: reload, want: map[string]string{"/etc/other": "o"}},
		{
			name: "reload, touched since", verb: reload, is: func(w *world) { w.change("/etc/other", later, "o") },
			want: map[string]string{"/etc/other": "o"},
		},
		{
			// Whether the reload read it isn't known: time tells.
			name: "reload, changed since", verb: reload, is: func(w *world) { w.change("/etc/other", later, "now") },
			want: map[string]string{},
		},
		{
			name: "reload of another instance", verb: reload, is: func(w *world) { w.unit.InvocationID = "other" },
			want: map[string]string{"/etc/other": "o"},
		},
		{
			name: "reload of another instance, changed since", verb: reload,
			is:   func(w *world) { w.unit.InvocationID = "other"; w.change("/etc/other", later, "o") },
			want: map[string]string{},
		},
		{
			name: "reload reads what it is for", verb: reload, is: func(w *world) { w.change("/etc/l", later, "now") },
			want: map[string]string{"/etc/other": "o", "/etc/l": "now"},
		},
		{
			name: "reload doesn't read what is for a restart", verb: reload, is: func(w *world) { w.change("/etc/r", later, "now") },
			want: map[string]string{"/etc/other": "o", "/etc/r": ""},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			is := running()
			usual := map[string]string{unitPath: "u", dropIn: "d", "/etc/r": "r", "/etc/l": "l"}
			for path, f := range usual {
				is.change(path, start.Add(-time.Hour), f)
			}
			is.change("/etc/other", start.Add(-time.Hour), "o")
			is.stamp("abc", "/etc/other", "o")
			if test.is != nil {
				test.is(is)
			}
			stamp := step(t, nil).stamp(is.unit, is.unit, test.verb)
			got := make(map[string]string)
			for path, f := range stamp.Files {
				got[path] = f.Fingerprint
			}
			want := test.want
			for path, f := range usual {
				if special, ok := want[path]; !ok {
					want[path] = f
				} else if special == "" {
					delete(want, path)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("stamp (-want +got):\n%s", diff)
			}
		})
	}
}
