package modules

import (
	"bytes"
	"path"
	"slices"
)

// A Claimer is a step that decides things which another step of the plan could decide as well: the content of a file, the
// shell of a user.
type Claimer interface {
	Step

	// Claims returns what the step decides, whatever the host is like. Two steps of a host whose claims conflict
	// ([Conflicts]) would undo each other's work on every run, so that a plan can't have both.
	Claims() []Claim
}

// ClaimsOf returns what a step decides; nothing for a step that is no [Claimer].
func ClaimsOf(s Step) []Claim {
	if c, ok := s.(Claimer); ok {
		return c.Claims()
	}
	return nil
}

// A Claim is what one property of a thing on a host is to be.
type Claim struct {
	Thing    Thing
	Property string // by the argument's name: "mode"; empty: what the thing is, or that it is [Absent]
	Value    any    // comparable by ==, or an [Agreer]
	Text     string // Value for people; empty if it is long or sensitive
}

// Absent is the value of a claim without a property for what shall not be there.
const Absent = "absent"

// What a path can be: the other values of its claim without a property.
const (
	AFile      = "a file"
	ADirectory = "a directory"
	ALink      = "a symbolic link"
)

// A Thing is what a step can decide something about.
type Thing struct {
	Kind Kind
	Name string
}

// String is the thing for people: "/etc/motd", "user alice".
func (t Thing) String() string {
	switch {
	case t.Kind == KindPath:
		return t.Name
	case t.Name == "":
		return string(t.Kind)
	}
	return string(t.Kind) + " " + t.Name
}

// A Kind is a kind of things.
type Kind string

// The kinds that several modules know. Others may have their own, in words that precede a name.
const (
	KindPath    Kind = "path" // a clean absolute path
	KindUser    Kind = "user"
	KindGroup   Kind = "group"
	KindKeys    Kind = "authorized_keys of" // of a user, or a path
	KindPackage Kind = "package"
	KindUnit    Kind = "unit"
)

// PathClaim claims that p is what says: [AFile], [ADirectory], [ALink] or [Absent].
func PathClaim(p, what string) Claim {
	return Claim{Thing: Thing{KindPath, path.Clean(p)}, Value: what, Text: what}
}

// With claims a property of c's thing. Its value is shown.
func (c Claim) With(property, value string) Claim {
	return Claim{Thing: c.Thing, Property: property, Value: value, Text: value}
}

// Hidden claims a property of c's thing whose value is not shown.
func (c Claim) Hidden(property string, value any) Claim {
	return Claim{Thing: c.Thing, Property: property, Value: value}
}

// An Agreer is a value of a claim that agrees also with some values that it is not equal to. It need not be comparable, and
// it is enough that one of two values knows that they agree.
type Agreer interface{ Agrees(with any) bool }

// Content is the whole content of a file, as the value of a claim.
type Content []byte

// Agrees implements [Agreer].
func (c Content) Agrees(with any) bool {
	other, ok := with.(Content)
	return ok && bytes.Equal(c, other)
}

// Portion is a part of a file's content, as the value of a claim: it returns the content with that part as it is to be.
type Portion func(content string) string

// Agrees implements [Agreer]. Two parts agree if each leaves alone what the other made of an empty file.
func (p Portion) Agrees(with any) bool {
	switch other := with.(type) {
	case Content:
		return p(string(other)) == string(other)
	case Portion:
		return other.keeps(p) && p.keeps(other)
	}
	return false
}

// keeps reports whether other changes nothing of p's.
func (p Portion) keeps(other Portion) bool {
	both := other(p(""))
	return p(both) == both
}

// Words are the value of a list in which the order doesn't matter.
type Words []string

// Agrees implements [Agreer].
func (w Words) Agrees(with any) bool {
	other, ok := with.(Words)
	return ok && slices.Equal(slices.Sorted(slices.Values(w)), slices.Sorted(slices.Values(other)))
}

// Memberships are the groups that a user is in, and perhaps no others, as the value of a claim.
type Memberships struct {
	Groups    []string
	Exclusive bool
}

// Agrees implements [Agreer].
func (m Memberships) Agrees(with any) bool {
	other, ok := with.(Memberships)
	return ok && (!m.Exclusive || m.contain(other)) && (!other.Exclusive || other.contain(m))
}

func (m Memberships) contain(other Memberships) bool {
	return !slices.ContainsFunc(other.Groups, func(name string) bool { return !slices.Contains(m.Groups, name) })
}

// Conflicts reports whether no host can be as both claims want it: they are about the same property of the same thing and
// their values don't agree, or one wants something below a path that the other wants to be a file or absent.
func (c Claim) Conflicts(other Claim) bool {
	if c.Thing != other.Thing {
		return c.below(other) || other.below(c)
	}
	return c.Property == other.Property && !agree(c.Value, other.Value)
}

func agree(a, b any) bool {
	if x, ok := a.(Agreer); ok && x.Agrees(b) {
		return true
	}
	if y, ok := b.(Agreer); ok {
		return y.Agrees(a)
	}
	_, ok := a.(Agreer)
	return !ok && a == b
}

// below reports whether c wants something to be below a path where other wants nothing to be.
func (c Claim) below(other Claim) bool {
	return c.Property == "" && other.Property == "" && c.Thing.Kind == KindPath && other.Thing.Kind == KindPath &&
		c.Value != Absent && (other.Value == Absent || other.Value == AFile) && IsBelow(c.Thing.Name, other.Thing.Name)
}

// IsBelow reports whether the clean path p is inside the directory dir, or inside a directory in it.
func IsBelow(p, dir string) bool {
	return dir == "/" && p != "/" || len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}
