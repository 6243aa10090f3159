// Package templates holds the texts that modules fill in: whole configuration files, in the language of text/template.
// A module names its own in a directory of its own; people write theirs in the language of templatefile() instead.
package templates

import "embed"

// FS are all templates, by DIRECTORY/FILE.tmpl.
//
//go:embed jitsi nginx
var FS embed.FS
