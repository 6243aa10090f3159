package observe

import (
	"testing"
	"time"
)

func TestForesee(t *testing.T) {
	t.Parallel()
	s := NewSnapshot()
	if s.Pending() || s.Unknown() != "" || s.UnitChanges("") {
		t.Error("something is foreseen of a host that was only looked at")
	}
	if f, ok := s.FutureFile("/a"); ok {
		t.Errorf("file: %+v", f)
	}
	first := s.Foresee()
	if !s.Pending() || !first.After(time.Now()) || !s.Foresee().After(first) {
		t.Errorf("what is foreseen comes at %v", first)
	}
	file := func(fingerprints ...string) string {
		for _, f := range fingerprints {
			s.ForeseeFile("/a", f)
		}
		f, ok := s.FutureFile("/a")
		if !ok || !f.Foreseen {
			t.Errorf("after %q: %+v, %v", fingerprints, f, ok)
		}
		return f.Fingerprint
	}
	for _, test := range []struct {
		want         string
		fingerprints []string
	}{
		{SameContent, []string{SameContent, SameContent}},
		{"f", []string{SameContent, "f"}},
		{"f", []string{SameContent, "f", SameContent}},
		{AnyContent, []string{"f", "g"}},
		{"absent", []string{"f", "absent"}},
		{"f", []string{"f", "f"}},
	} {
		s = NewSnapshot()
		if got := file(test.fingerprints...); got != test.want {
			t.Errorf("%q: %q, want %q", test.fingerprints, got, test.want)
		}
	}
	s = NewSnapshot()
	if a, b := file(NewContent), file(NewContent); a == b || a == SameContent {
		t.Errorf("new contents %q and %q", a, b)
	}

	s.ForeseeUnknown("package a")
	s.ForeseeUnknown("package a")
	if got := s.Unknown(); got != "package a" {
		t.Errorf("one package: %q", got)
	}
	s.ForeseeUnknown("package b")
	if got := s.Unknown(); got != "a step above" {
		t.Errorf("two packages: %q", got)
	}
	s.ForeseeUnit(UnitInfo{ID: "x.service", Sub: "running"})
	if u, at, ok := s.FutureUnit("x.service"); !ok || u.Sub != "running" || !at.After(first) {
		t.Errorf("unit: %+v at %v, %v", u, at, ok)
	}
	if !s.UnitChanges("x.service") || !s.UnitChanges("") || s.UnitChanges("y.service") {
		t.Error("which units change")
	}
}
