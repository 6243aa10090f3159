package sshd

import "github.com/rcprov/rcprov/modules"

var (
	_ modules.Claimer = (*Step)(nil)
	_ modules.Guarded = (*Step)(nil)
)

// Claims implements [modules.Claimer]. The file of the settings is one for all sshd blocks of a host: which of them would be
// first decides what is in force, so they can't be merged.
func (s *Step) Claims() []modules.Claim { return s.file.Claims() }

// Guarded implements [modules.Guarded].
func (s *Step) Guarded() {}
