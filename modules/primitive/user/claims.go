package user

import (
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
	for _, property := range []struct{ name, value string }{{"group", s.Group}, {"home", s.Home}, {"shell", s.Shell}, {"expires", s.Expires}} {
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
		all = append(all, is.Hidden("groups", modules.Memberships{Groups: s.Groups, Exclusive: s.ExclusiveGroups}))
	}
	return all
}
