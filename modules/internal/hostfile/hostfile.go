// Package hostfile is the shell of the one door to files on hosts: all that modules read, write, make, move and remove below
// paths goes through it, so that a user of the host gains nothing. The Go side is in package modules ([modules.WriteFile] and
// its neighbours) and in package observe.
//
// It goes down a path name by name. Where the last name's directory is decides how the work is done:
//
//   - It is root's, and so is all above it, and nobody else may write there: root works in it. A link on the way is
//     followed if it is root's own, in such a directory: then its target is judged likewise.
//   - A directory on the way belongs to somebody else: from there on everything is done with the rights of that user
//     (setpriv(1)), and starts in the directory that was entered, wherever its name leads by then. What the plan wants to
//     belong to anybody else is refused, as is a group that the user is not in. What is written comes through standard
//     input, which root has opened.
//   - It is root's, but others may write there, such as /tmp, or /var/log of Ubuntu: what is new is made in a
//     directory inside it that only root can enter, and renamed out of it; a file that is there is replaced, never changed;
//     a directory that is there is changed from within.
//
// A directory that root owns and nobody else may write, below one that others may write, is root's: root is in it already, and
// what is done there can't leave it. Who may write above it and is not kept by a sticky bit may have given it another name
// meanwhile, or its name to another directory of root's that was beside it: which of root's directories there has which name
// is for those to say whom root lets write there. No path is used in such a place but names in the open directory.
//
// The last name may be a directory that a step is about (`directory "/srv/app"` with an owner): root changes it from within,
// whoever it belongs to, because its name is in a directory where root may work.
//
// A user who is stopped here can still make the step fail; the error then names the directory and its owner.
//
// The scripts are POSIX shell: tried in dash, bash and busybox. What they need beyond coreutils is setpriv (util-linux) and
// getent. rm, chown and cp of GNU coreutils go down a tree by open directories and follow no link (fts(3)), which the
// removal of what a user may still have open rests on; find is not used.
package hostfile

import (
	_ "embed"
	"strings"

	"github.com/rcprov/rcprov/modules/shell"
)

var (
	//go:embed door.sh
	door string

	//go:embed start.sh
	start string

	// Write is a script that puts a file in place.
	//
	//go:embed write.sh
	Write string
	// Writer is what Write does in the directory.
	//
	//go:embed writer.sh
	Writer string

	// Room is a script that prints where a large file is to be uploaded to.
	//
	//go:embed room.sh
	Room string

	// Rights is a script that sets owner and mode.
	//
	//go:embed rights.sh
	Rights string
	// Setter is what Rights does in the directory.
	//
	//go:embed setter.sh
	Setter string

	// Directory is a script that makes a directory.
	//
	//go:embed directory.sh
	Directory string
	// Maker is what Directory does in the directory above.
	//
	//go:embed maker.sh
	Maker string

	// Remove is a script that removes what is there.
	//
	//go:embed remove.sh
	Remove string
	// Remover is what Remove does in the directory.
	//
	//go:embed remover.sh
	Remover string

	//go:embed each.sh
	each string

	// Link is a script that puts a symbolic link in place.
	//
	//go:embed link.sh
	Link string
	// Linker is what Link does in the directory.
	//
	//go:embed linker.sh
	Linker string
)

// Script returns a script with the functions of the door in front of it, and vars. Those named in inner are scripts
// themselves, which run in the directory that the door has led to.
func Script(text string, vars shell.Vars, inner shell.Vars) string {
	for name, script := range inner {
		vars[name] = shell.Script(script, nil)
	}
	vars["door_start"] = shell.Script(start, nil)
	return shell.Script(door, vars) + shell.Script(text, nil)
}

// Unknown is what a script of [Each] prints for a path about which the user who owns it or a directory above gets no answer.
const Unknown = "unknown"

// Each returns a script that prints a line for each of paths: what the function look, which the script look defines, prints of
// it. It only looks. Where a path or a directory above it belongs to somebody else than root, it does so with the rights of the
// first such user.
func Each(look string, paths []string) string { return eachScript(look, paths, false) }

// List is [Each] for one path, of which look prints any number of lines.
func List(look, path string) string { return eachScript(look, []string{path}, true) }

func eachScript(look string, paths []string, list bool) string {
	return shell.Script(each, shell.Vars{"look": shell.Script(look, nil), "paths": shell.QuoteAll(paths), "list": shell.YesNo(list)})
}

// Inner returns words as those of one command for a script that runs in the directory, where "%s" in a word is $file.
func Inner(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		var parts []string
		for part := range strings.SplitSeq(word, "%s") {
			if part != "" {
				part = "'" + strings.ReplaceAll(part, "'", `'\''`) + "'"
			}
			parts = append(parts, part)
		}
		if quoted[i] = strings.Join(parts, `"$file"`); quoted[i] == "" {
			quoted[i] = "''"
		}
	}
	return strings.Join(quoted, " ")
}
