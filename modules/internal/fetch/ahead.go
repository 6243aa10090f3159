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
