package aptrepository

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	source, key := s.sourcePath(), s.keyPath()
	if s.Absent {
		return []modules.Claim{modules.PathClaim(source, modules.Absent), modules.PathClaim(key, modules.Absent)}
	}
	isSource, isKey := modules.PathClaim(source, modules.AFile), modules.PathClaim(key, modules.AFile)
	all := append([]modules.Claim{isSource, isKey}, append(fileRights.Claims(isSource), fileRights.Claims(isKey)...)...)
	return append(all,
		isSource.Hidden("content", modules.Content(s.Source.text(key))),
		isKey.Hidden("fingerprints", modules.Words(s.Fingerprints)))
}
