package sysctl

import (
	"fmt"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	parameter := modules.Claim{Thing: modules.Thing{Kind: "kernel parameter", Name: s.name()}}
	file := modules.PathClaim(s.file(), modules.AFile)
	if s.Absent {
		return []modules.Claim{parameter.With("persistent", "false"), modules.PathClaim(s.file(), modules.Absent)}
	}
	all := []modules.Claim{parameter.With("value", s.Value), parameter.With("persistent", fmt.Sprint(s.Persistent))}
	if s.Persistent {
		all = append(all, file, file.Hidden("content", modules.Content(s.content())))
	}
	return all
}
