package fetch

import (
	"path"

	"github.com/rcprov/rcprov/modules"
)

// Staging returns the directory beside p, on the same file system, in which a step makes what it then moves to p. The
// next run uses what a killed run left in it.
func Staging(p string) string { return path.Join(path.Dir(p), "."+path.Base(p)+".rcprov") }

// Store returns the directory for what a step makes of p, where it can't work beside it: others may write there. Only root may
// write above it, and _apt can enter it.
func Store(p string) string { return path.Join("/var/cache/rcprov/staging", JobName("for", p)) }

// Prepared returns the directory in which a [modules.Preparer] prepares what will be at p: the same things as in the
// staging directory, to which the step moves them.
func Prepared(p string) string { return path.Join(modules.PreparedDir, JobName("for", p)) }
