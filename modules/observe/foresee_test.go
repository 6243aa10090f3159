package observe

import (
	"testing"
	"time"
)

func TestForesee(t *testing.T) {
	t.Parallel()
	s := NewSnapshot()
	if s.Pending() || s.Unknown() != "" || s.UnitStops("") || s.WillBeInstalled("a") {
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
	s.ForeseeInstalled("a")
	if !s.WillBeInstalled("a") || s.WillBeInstalled("b") {
		t.Error("which packages are installed")
	}
	s.ForeseeStop("z.service")
	if !s.WillBeStopped("z.service") || s.WillBeStopped("x.service") {
		t.Error("which units are stopped")
	}
	s.ForeseeUnit(UnitInfo{ID: "x.service", Active: Active, InvocationID: "abc"})
	if u, at, ok := s.FutureUnit("x.service"); !ok || u.Active != Active || !at.After(first) || s.UnitStops("") {
		t.Errorf("unit that is reloaded: %+v at %v, %v", u, at, ok)
	}
	for _, u := range []UnitInfo{{Active: Inactive, InvocationID: "abc"}, {Active: Active, InvocationID: NewInstance}} {
		u.ID = "x.service"
		s.ForeseeUnit(u)
		if !s.UnitStops("x.service") || !s.UnitStops("") || s.UnitStops("y.service") {
			t.Errorf("which units stop, after %+v", u)
		}
	}
}
