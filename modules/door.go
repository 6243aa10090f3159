package modules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/shell"
)

// SetRights sets the mode, the owner and the group of the file or directory at path; an empty owner stays who it is. See
// package hostfile on what it does in directories of others. Errors have advice from [FileHint].
func SetRights(ctx context.Context, h Host, path, mode, owner, group string) error {
	return RightsScript(path, mode, owner, group).Run(ctx, h)
}

// RightsScript is [SetRights] as a [Script].
func RightsScript(path, mode, owner, group string) Script {
	return rightsScript(path, mode, owner, group, false)
}

// SetTreeRights is [SetRights] of a directory that also gives all that is in it to owner and group.
func SetTreeRights(ctx context.Context, h Host, path, mode, owner, group string) error {
	return rightsScript(path, mode, owner, group, true).Run(ctx, h)
}

func rightsScript(path, mode, owner, group string, deep bool) Script {
	return doorScript(path, hostfile.Script(hostfile.Rights, shell.Vars{
		"path": path, "mode": mode, "owner": owner, "group": group, "deep": shell.YesNo(deep),
	}, shell.Vars{"setter": hostfile.Setter}))
}

// MakeDirectory makes the directory at path with missing parents, or sets the rights of one that is there. Errors have advice
// from [FileHint].
func MakeDirectory(ctx context.Context, h Host, path, mode, owner, group string) error {
	return DirectoryScript(path, mode, owner, group).Run(ctx, h)
}

// DirectoryScript is [MakeDirectory] as a [Script].
func DirectoryScript(path, mode, owner, group string) Script {
	return doorScript(path, hostfile.Script(hostfile.Directory, shell.Vars{
		"path": path, "mode": mode, "owner": owner, "group": group,
	}, shell.Vars{"maker": hostfile.Maker}))
}

// A Removal is how [RemovePath] removes.
type Removal string

// Removals.
const (
	RemoveFile  Removal = "rm -f"
	RemoveEmpty Removal = "rmdir"  // a directory without entries
	RemoveTree  Removal = "rm -rf" // not across file systems
)

// RemovePath removes what is at path; a link, not its target. A file is copied to backup before, unless that is empty. Errors
// have advice from [FileHint].
func RemovePath(ctx context.Context, h Host, path string, how Removal, backup string) error {
	return RemovalScript(path, how, backup).Run(ctx, h)
}

// RemovalScript is [RemovePath] as a [Script].
func RemovalScript(path string, how Removal, backup string) Script {
	return doorScript(path, hostfile.Script(hostfile.Remove, shell.Vars{
		"path": path, "how": string(how), "backup": backup,
	}, shell.Vars{"remover": hostfile.Remover}))
}

// MakeLink makes path a symbolic link to target, in place of a file or link. Errors have advice from [FileHint].
func MakeLink(ctx context.Context, h Host, path, target string) error {
	return LinkScript(path, target).Run(ctx, h)
}

// LinkScript is [MakeLink] as a [Script].
func LinkScript(path, target string) Script {
	return doorScript(path, hostfile.Script(hostfile.Link, shell.Vars{
		"path": path, "target": target,
	}, shell.Vars{"linker": hostfile.Linker}))
}

func doorScript(path, script string) Script {
	return Script{
		Command: Command{Script: script},
		Explain: func(err error) error { return FileHint(DoorError(err, path), path) },
	}
}

// A RefusedError says why nothing is changed or read in a place where somebody else than root has a say.
type RefusedError struct {
	Text string
	Err  *CommandError // nil in a plan
}

func (e *RefusedError) Error() string { return e.Text }

func (e *RefusedError) Unwrap() error {
	if e.Err == nil {
		return nil
	}
	return e.Err
}

// RefuseOwner says that what is below the directory dir, which belongs to who, can't belong to wanted.
func RefuseOwner(dir, who, wanted string) error {
	return WithHint(&RefusedError{Text: fmt.Sprintf("%s belongs to %s: what is below it can't be %s's", dir, who, wanted)},
		"Give it owner = %q, or choose a directory of root's: rcprov does nothing as root where somebody else could redirect it.", who)
}

// RefuseGroup says that what is below the directory dir can't have the group wanted, because its owner who is not in it.
func RefuseGroup(dir, who, wanted string) error {
	return WithHint(&RefusedError{Text: fmt.Sprintf("%s belongs to %s, who is not in the group %s: what is below it can't have that group", dir, who, wanted)},
		"Give it the group of %s, or choose a directory of root's: rcprov does nothing as root where somebody else could redirect it.", who)
}

// RefuseKeep says that the file at path can't be changed and stay whose it is.
func RefuseKeep(path string) error {
	return WithHint(&RefusedError{Text: path + " does not belong to the owner of its directory, by whose rights alone it could be changed"},
		"Give the file to the owner of the directory, or move it to a directory of root's.")
}

// RefuseLink says that a part of a path is a link of somebody who is not root.
func RefuseLink(path, who string) error {
	return WithHint(&RefusedError{Text: fmt.Sprintf("%s is a link of %s's, which rcprov doesn't follow", path, who)},
		"Name the path that it leads to, or remove it: root goes where root's own links lead, and nobody else's.")
}

// doorError is an error with the rights of the owner of a directory.
type doorError struct {
	error
	Dir, Who string
}

func (e *doorError) Unwrap() error { return e.error }

// DoorError returns the error of a command with a script of package hostfile, for people: with path where the command had
// an open directory, and a [*RefusedError] where the door did not open. Other errors come back as they are.
func DoorError(err error, p string) error {
	var failed *CommandError
	if !errors.As(err, &failed) {
		return err
	}
	clean := *failed
	dir := strings.TrimSuffix(path.Dir(p), "/") + "/"
	in := dir // where it was done
	var kept [][]byte
	var words []string
	for line := range bytes.Lines(failed.Result.Stderr) {
		if rest, ok := bytes.CutPrefix(line, []byte("rcprov-door ")); ok {
			next := strings.Split(strings.TrimSpace(string(rest)), "\t")
			switch {
			case next[0] == "in" && len(next) == 2:
				in = next[1] + "/"
			case len(words) == 0 || next[0] != "as":
				words = next
			}
			continue
		}
		kept = append(kept, line)
	}
	open := strings.NewReplacer("'./", "'"+in, "'../", "'"+dir, `"./`, `"`+in, `"../`, `"`+dir, "'.'", "'"+p+"'", ": ./", ": "+in)
	clean.Result.Stderr = []byte(open.Replace(string(bytes.Join(kept, nil))))
	if len(words) == 0 {
		return &clean
	}
	refused := refusal(words, p)
	if refused == nil {
		words = append(words, "", "")
		return &doorError{&clean, words[1], words[2]}
	}
	var r *RefusedError
	if errors.As(refused, &r) {
		r.Err = &clean
	}
	return refused
}

// refusal is what words of door.sh say, nil if they are none.
func refusal(words []string, p string) error {
	word, args := words[0], append(words[1:], "", "", "")
	switch word {
	case "owner":
		return RefuseOwner(args[0], args[1], args[2])
	case "group":
		return RefuseGroup(args[0], args[1], args[2])
	case "keep":
		return RefuseKeep(p)
	case "link":
		return RefuseLink(args[0], args[1])
	case "moved":
		return WithHint(&RefusedError{Text: p + ": somebody who may write to a directory above it swapped names meanwhile"},
			"Nothing was changed. `namei -l %s` on the host shows who may; stop that, then run the same command again.", p)
	case "taken":
		return WithHint(&RefusedError{Text: fmt.Sprintf("%s is in the way: it belongs to %s, and rcprov needs that name for a moment", args[0], args[1])},
			"Remove it on the host, then run the same command again.")
	case "slow":
		return WithHint(&RefusedError{Text: fmt.Sprintf("%s belongs to %s, and what was done there with no more rights has not ended in time", args[0], args[1])},
			"There may be a named pipe, or a file system that doesn't answer: see `ls -l %s` and `findmnt -T %s` on the host.", path.Dir(p), p)
	case "closed":
		return WithHint(&RefusedError{Text: "even root may not enter " + args[0]},
			"See `findmnt -T %s` (a network file system?), and the audit log for AppArmor or SELinux.", args[0])
	}
	return nil
}

// ReadPath reads a file of at most a few MiB: with the rights of the owner of a directory above it, if that is somebody else
// than root. nil: there is none.
func ReadPath(ctx context.Context, h Host, p string) ([]byte, error) {
	const script = `
[ -e "$path" ] || exit 0
door "$path" no "$reader" plain
`
	// Root's own link, where nobody else may write, leads where root wants; a user's where the user may read.
	const reader = "show 50"
	result, err := h.Run(ctx, Command{Script: hostfile.Script(script, shell.Vars{"path": p}, shell.Vars{"reader": reader})})
	if err != nil || len(result.Stdout) == 0 {
		return nil, DoorError(err, p)
	}
	return result.Stdout, nil
}
