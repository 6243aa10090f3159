package tree

import (
	"path"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	var all []modules.Claim
	for _, e := range s.entries {
		p := path.Join(s.Path, e.Name)
		switch e.Type {
		case dir:
			is := modules.PathClaim(p, modules.ADirectory)
			all = append(append(all, is), e.rights(s).Claims(is)...)
		case link:
			is := modules.PathClaim(p, modules.ALink)
			all = append(all, is, is.With("target", e.Target))
		case file:
			is := modules.PathClaim(p, modules.AFile)
			all = append(append(all, is), e.rights(s).Claims(is)...)
			all = append(all, is.Hidden("content", e.claim()))
		}
	}
	if s.Delete {
		all = append(all, modules.PathClaim(s.Path, modules.ADirectory).With("delete", "yes"))
	}
	return all
}
