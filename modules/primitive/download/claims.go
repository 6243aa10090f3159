package download

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.PathClaim(s.Path, modules.AFile)
	return append([]modules.Claim{is, is.Hidden("content", sum(s.SHA256))}, s.rights().Claims(is)...)
}

// sum is the SHA-256 of a content, in lowercase hex.
type sum string

// Agrees implements [modules.Agreer].
func (s sum) Agrees(with any) bool {
	if content, ok := with.(modules.Content); ok {
		is := sha256.Sum256(content)
		return string(s) == hex.EncodeToString(is[:])
	}
	return with == s
}
