package group

import (
	"strconv"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.Claim{Thing: modules.Thing{Kind: modules.KindGroup, Name: s.Name}}
	if s.Absent {
		return []modules.Claim{is.With("", modules.Absent)}
	}
	all := []modules.Claim{is.With("", "a group")}
	if s.GID != nil {
		all = append(all, is.With("gid", strconv.Itoa(*s.GID)))
	}
	for _, member := range s.Members { // what that user's own step says of groups
		user := modules.Claim{Thing: modules.Thing{Kind: modules.KindUser, Name: member}}
		all = append(all, user.Hidden("groups", modules.Memberships{Groups: []string{s.Name}}))
	}
	return all
}
