package git

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.PathClaim(s.Path, modules.ADirectory)
	all := []modules.Claim{is, is.With("repo", s.Repo), is.With("version", s.Version)}
	for _, c := range s.rights().Claims(is) {
		if c.Property != "mode" {
			all = append(all, c)
		}
	}
	return all
}
