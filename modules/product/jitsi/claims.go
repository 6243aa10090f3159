package jitsi

import "github.com/rcprov/rcprov/modules"

var (
	_ modules.Claimer = (*Settings)(nil)
	_ modules.Claimer = (*Site)(nil)
)

// Claims implements [modules.Claimer].
func (s *Settings) Claims() []modules.Claim {
	is := modules.PathClaim(s.Path, modules.AFile)
	return []modules.Claim{is, is.Hidden("content", modules.Portion(func(old string) string {
		text, _, _ := apply(old, s.Wanted)
		return text
	}))}
}

// Claims implements [modules.Claimer]. A host has one Jitsi.
func (s *Site) Claims() []modules.Claim {
	site := modules.Claim{Thing: modules.Thing{Kind: "Jitsi"}}
	return []modules.Claim{site.With("domain", s.Domain), modules.PathClaim(s.path(), modules.AFile), modules.PathClaim(s.link(), modules.ALink)}
}
