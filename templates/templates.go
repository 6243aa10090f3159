// Package templates holds the texts that modules fill in: whole configuration files, for package text/template. Each module
// has a directory. Templates in people's plans are in HCL's template language instead, see templatefile().
package templates

import "embed"

// FS has all templates, as DIRECTORY/FILE.tmpl.
//
//go:embed jitsi nginx
var FS embed.FS
