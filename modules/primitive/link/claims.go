package link

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	if s.Absent {
		return []modules.Claim{modules.PathClaim(s.Path, modules.Absent)}
	}
	is := modules.PathClaim(s.Path, modules.ALink)
	return []modules.Claim{is, is.With("target", s.Target)}
}
