package fetch

import (
	"path"

	"github.com/rcprov/rcprov/modules"
)

// Staging returns the directory beside p in which what is to be at p is made by its step, on the same file system. What
// a killed run left in it is used by the next one.
func Staging(p string) string { return path.Join(path.Dir(p), "."+path.Base(p)+".rcprov") }

// Prepared returns the directory in which what is to be at p is prepared by a [modules.Preparer]: the same things as in
// the staging directory, which they are moved to when the step's turn has come.
func Prepared(p string) string { return path.Join(modules.PreparedDir, JobName("for", p)) }

// aheadFunctions are those for scripts that prepare, and for the scripts that use what was prepared.
//
// Nothing is prepared for a path on another file system: the room that is needed was asked for there, and moving what
// was prepared would mean to copy it. Nor where a killed run has left a staging directory, which the step itself goes on
// with. The reserve of space is larger, because the steps before need some as well, as they need the processor first, and a
// server is waited for a few seconds only: an earlier step may be about to say by which proxy it can be reached.
//
// The file ready says that a tree is whole, and what it was made of: it leaves first and comes last.
const aheadFunctions = `
ahead() {
	[ ! -e "$2" ] || fail ahead
	there=$(dirname -- "$1")
	while [ ! -e "$there" ]; do there=$(dirname -- "$there"); done
	mkdir -p -- "$3"
	[ "$(stat -Lc %d -- "$there")" = "$(stat -c %d -- "$3")" ] || fail ahead
	renice -n 5 -p $$ >/dev/null || :
	reserve=1073741824
	haste='-o Acquire::Retries=0 -o Acquire::http::Timeout=5 -o Acquire::https::Timeout=5'
}

adopt() {
	[ -d "$1" ] || return 0
	if [ "$(stat -c %d -- "$1")" = "$(stat -c %d -- "$2")" ]; then
		rm -f -- "$2/ready"
		for name in file partial tree ready; do
			if [ -e "$1/$name" ]; then
				rm -rf --one-file-system -- "$2/$name"
				mv -T -- "$1/$name" "$2/$name"
			fi
		done
	fi
	rm -rf --one-file-system -- "$1"
	rmdir -p --ignore-fail-on-non-empty -- "${1%/*}" # should this run be killed: the next one may have nothing to change
}
`
