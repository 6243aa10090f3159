package user

import (
	"slices"
	"strconv"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.Claim{Thing: modules.Thing{Kind: modules.KindUser, Name: s.Name}}
	if s.Absent {
		return []modules.Claim{is.With("", modules.Absent)}
	}
	all := []modules.Claim{is.With("", "a user")}
	for _, property := range []struct{ name, value string }{{"group", s.Group}, {"home", s.Home}, {"shell", s.Shell}} {
		if property.value != "" {
			all = append(all, is.With(property.name, property.value))
		}
	}
	if s.UID != nil {
		all = append(all, is.With("uid", strconv.Itoa(*s.UID)))
	}
	if s.Comment != nil {
		all = append(all, is.With("comment", *s.Comment))
	}
	if s.Locked != nil {
		all = append(all, is.With("locked", strconv.FormatBool(*s.Locked)))
	}
	if s.PasswordHash != "" {
		all = append(all, is.Hidden("password_hash", s.PasswordHash))
	}
	if s.ExclusiveGroups || len(s.Groups) > 0 {
		all = append(all, is.Hidden("groups", groups{s.Groups, s.ExclusiveGroups}))
	}
	return all
}

// groups are those that a user is in, and perhaps no others.
type groups struct {
	names     []string
	exclusive bool
}

// Agrees implements [modules.Agreer].
func (g groups) Agrees(with any) bool {
	other, ok := with.(groups)
	return ok && (!g.exclusive || g.contain(other)) && (!other.exclusive || other.contain(g))
}

func (g groups) contain(other groups) bool {
	return !slices.ContainsFunc(other.names, func(name string) bool { return !slices.Contains(g.names, name) })
}
