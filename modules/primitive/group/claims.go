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
	return all
}
