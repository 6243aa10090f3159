package directory

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	if s.Absent {
		return []modules.Claim{modules.PathClaim(s.Path, modules.Absent)}
	}
	is := modules.PathClaim(s.Path, modules.ADirectory)
	return append([]modules.Claim{is}, s.rights().Claims(is)...)
}
