package file

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	if s.Absent {
		return []modules.Claim{modules.PathClaim(s.Path, modules.Absent)}
	}
	is := modules.PathClaim(s.Path, modules.AFile)
	all := append([]modules.Claim{is}, s.rights().Claims(is)...)
	switch {
	case s.Source != nil:
		all = append(all, is.Hidden("content", s.Source))
	case s.Content != nil:
		all = append(all, is.Hidden("content", modules.Content(s.Content)))
	}
	return all
}
