// Package plans has the plans that people copy, for `rcprov init`.
package plans

import "embed"

// FS has a file for each plan, and what these read.
//
//go:embed *.hcl inventory lib
var FS embed.FS
