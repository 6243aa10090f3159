package file

import "github.com/rcprov/rcprov/modules"

var _ modules.SecretKeeper = (*Step)(nil)

// SecretFiles implements [modules.SecretKeeper].
func (s *Step) SecretFiles() []string {
	if s.Sensitive && !s.Absent && s.Content != nil {
		return []string{s.Path}
	}
	return nil
}
