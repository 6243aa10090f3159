package observe

import (
	"path"
	"slices"
)

// Parents returns the directories above p, from the top, without "/".
func Parents(p string) (dirs []string) {
	for dir := path.Dir(p); dir != "/" && dir != "."; dir = path.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}

// AskParents asks about the directories above p, for [Lacks], and for a forecast to know the links among them.
func AskParents(q *Query, p string) {
	for _, dir := range Parents(p) {
		File.Ask(q, FileQuestion{Path: dir})
	}
}

// Lacks returns which of the directories above p, asked about by [AskParents], is not there, or is something else, so that
// nothing can be made at p. It is not sure of that if it can't tell, or if a pending change may bring it.
func Lacks(s *Snapshot, p string) (dir string, is FileInfo, sure bool) {
	likely := s.likely()
	for _, dir := range Parents(p) {
		is, err := File.Get(likely, FileQuestion{Path: dir})
		if err != nil {
			return "", FileInfo{}, false
		}
		if is.Type != Directory && is.Type != Symlink { // the target of a link may be a directory
			return dir, is, !s.Vague()
		}
	}
	return "", FileInfo{}, false
}

// Vague reports whether a pending change may do more than is known: programs make files that nothing names.
func (s *Snapshot) Vague() bool { return s.forecast != nil && len(s.forecast.may) > 0 }

// likely is s as it is most likely, for questions whose answers decide no edit.
func (s *Snapshot) likely() *Snapshot {
	likely := *s
	likely.taken, likely.read, likely.guessed = nil, nil, nil
	return &likely
}
