package modules

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
)

// invalidOwner is what chown(1) says of a user or group that isn't there, GNU and uutils alike; chgrp(1) too.
var invalidOwner = regexp.MustCompile(`invalid (user|group): '(?:([^':]*)(?::([^']*))?)'`)

// NeedsParent returns an error if nothing can be made at p because a directory above it is missing for certain, and notes
// if only an earlier step could bring it. The step has asked by [observe.AskParents].
func NeedsParent(s *observe.Snapshot, p string) (notes []string, err error) {
	dir, is, sure := observe.Lacks(s, p)
	switch {
	case dir == "":
		return nil, nil
	case is.Type != observe.Absent:
		return nil, WithHint(fmt.Errorf("%s is %s, not a directory", dir, is.Type),
			"Nothing can be created below it: move it away, or name another path.")
	case !sure:
		return []string{fmt.Sprintf("the directory %s does not exist yet: an earlier step must create it", path.Dir(p))}, nil
	}
	return nil, WithHint(fmt.Errorf("the directory %s does not exist", path.Dir(p)), "Add a `directory` step for %s before this one.", path.Dir(p))
}

// NeedsAccount returns an error if an owner or a group is not there for certain. The step has asked by [observe.AskAccounts].
func NeedsAccount(s *observe.Snapshot, owner, group string) error {
	kind, name := observe.LacksAccount(s, owner, group)
	if kind == "" {
		return nil
	}
	return WithHint(fmt.Errorf("there is no %s %q on the host", kind, name), accountHint, kind)
}

const accountHint = "Add a `%s` step for it before this one, or correct the name."

// FileHint adds advice to an error of a command that was to change the file or directory p, by what the tools said:
// GNU coreutils and uutils end their messages with the words of strerror(3). Other errors come back as they are.
func FileHint(err error, p string) error {
	var failed *CommandError
	if refused := (*RefusedError)(nil); errors.As(err, &refused) || !errors.As(err, &failed) {
		return err
	}
	said := string(failed.Result.Stderr)
	if owner := (*doorError)(nil); errors.As(err, &owner) &&
		(strings.Contains(said, "Permission denied") || strings.Contains(said, "Operation not permitted")) {
		return WithHint(err, "%s belongs to %s, so this was done with no more rights than %s has: see `namei -l %s` on the host.", owner.Dir, owner.Who, owner.Who, p)
	}
	if m := invalidOwner.FindStringSubmatch(said); m != nil {
		kind, name := m[1], m[2]
		if kind == "group" && m[3] != "" {
			name = m[3]
		}
		return WithHint(err, "There is no %s %q on the host. "+accountHint, kind, name, kind)
	}
	dir := path.Dir(p)
	for _, known := range []struct{ words, hint string }{
		{"No space left on device", "See `df -h " + dir + "` and `df -i " + dir + "` on the host, make room, then run the same command again."},
		{"Disk quota exceeded", "See `quota` on the host, make room, then run the same command again."},
		{"Read-only file system", "See `findmnt -T " + dir + "` on the host: it is mounted read-only, or the kernel did that after an error (`dmesg`)."},
		{"cannot overwrite directory", "There is a directory in the place of " + p + ": move it away, or name another path."},
		{"Operation not permitted", "Even root may not do this: see `lsattr -d " + p + " " + dir + "` for an immutable flag; a container may forbid it as well."},
		{"Permission denied", "Even root may not do this: see `findmnt -T " + dir + "` (a network file system?), and the audit log for AppArmor or SELinux."},
		{"Not a directory", "A part of the path " + p + " is a file: see `namei -l " + p + "` on the host."},
		{"No such file or directory", "Add a `directory` step for " + dir + " before this one."},
		{"Text file busy", "A running program was started from it: stop it first."},
		{"Device or resource busy", "It is a mount point or in use: see `findmnt " + p + "` on the host."},
	} {
		if strings.Contains(said, known.words) {
			return WithHint(err, "%s", known.hint)
		}
	}
	return err
}
