// Package all lists the modules that the binary contains.
package all

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/aptpackage"
	"github.com/rcprov/rcprov/modules/directory"
	"github.com/rcprov/rcprov/modules/file"
	"github.com/rcprov/rcprov/modules/link"
)

// Modules returns all modules. A new one gets its line here.
func Modules() []modules.Module {
	return []modules.Module{
		aptpackage.Module(),
		directory.Module(),
		file.Module(),
		link.Module(),
	}
}
