package observe

import (
	"path"
	"slices"
	"strings"
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

// AskAccounts asks about an owner and a group, for [LacksAccount]. Numbers need no account, and root is everywhere.
func AskAccounts(q *Query, owner, group string) {
	if named(owner) {
		User.Ask(q, owner)
	}
	if named(group) {
		Group.Ask(q, GroupQuestion{Name: group})
	}
}

// LacksAccount returns which of an owner and a group, asked about by [AskAccounts], is not there, and whether it is a "user" or a
// "group"; "" where all are there, where it can't tell, or where a pending change may bring it.
func LacksAccount(s *Snapshot, owner, group string) (kind, name string) {
	if s.Vague() {
		return "", ""
	}
	likely := s.likely()
	if named(owner) {
		if is, err := User.Get(likely, owner); err == nil && !is.Exists {
			return "user", owner
		}
	}
	if named(group) {
		if is, err := Group.Get(likely, GroupQuestion{Name: group}); err == nil && !is.Exists {
			return "group", group
		}
	}
	return "", ""
}

func named(account string) bool {
	return account != "" && account != "root" && strings.Trim(account, "0123456789") != ""
}

// Vague reports whether a pending change may do more than is known: programs make files that nothing names.
func (s *Snapshot) Vague() bool { return s.forecast != nil && len(s.forecast.may) > 0 }

// likely is s as it is most likely, for questions whose answers decide no edit.
func (s *Snapshot) likely() *Snapshot {
	likely := *s
	likely.taken, likely.read, likely.guessed = nil, nil, nil
	return &likely
}
