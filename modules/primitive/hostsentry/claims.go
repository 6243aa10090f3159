package hostsentry

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.PathClaim(s.path, modules.AFile)
	return []modules.Claim{is, is.Hidden("content", modules.Portion(func(old string) string { return newContent(old, s.desired) }))}
}
