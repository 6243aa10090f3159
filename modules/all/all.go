// Package all lists the modules that the binary contains.
package all

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/file"
)

// Modules returns all modules. A new one gets its line here.
func Modules() []modules.Module {
	return []modules.Module{
		file.Module(),
	}
}
