package archive

import (
	"cmp"
	"fmt"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	if s.Absent {
		return []modules.Claim{modules.PathClaim(s.Path, modules.Absent)}
	}
	is := modules.PathClaim(s.Path, modules.ADirectory)
	all := append([]modules.Claim{is}, s.rights().Claims(is)...)
	return append(all, is.With("archive", cmp.Or(s.SHA256, s.Label)), is.With("strip", fmt.Sprint(s.Strip)))
}
