package line

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.PathClaim(s.Path, modules.AFile)
	part := is.Hidden("content", modules.Portion(func(old string) string {
		text, _ := newContent(old, s.Desired)
		return text
	}))
	if s.Desired.absent {
		return []modules.Claim{part} // a missing file is as good
	}
	return []modules.Claim{is, part}
}
