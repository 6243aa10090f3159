package systemdunit

import (
	"strconv"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	var all []modules.Claim
	for _, f := range s.Files {
		if s.Absent {
			all = append(all, modules.PathClaim(f.Path, modules.Absent))
			continue
		}
		is := modules.PathClaim(f.Path, modules.AFile)
		all = append(all, is, is.Hidden("content", modules.Content(f.Text)))
		all = append(all, fileRights.Claims(is)...)
	}
	if is(s.Masked) {
		all = append(all, modules.PathClaim(unitDir+s.Name, modules.ALink))
	}
	unit := modules.Claim{Thing: modules.Thing{Kind: modules.KindUnit, Name: s.Name}}
	off := false
	for _, property := range []struct {
		name  string
		value *bool
	}{{"enabled", s.Enabled}, {"running", s.Running}, {"masked", s.Masked}} {
		if s.Absent && property.name != "masked" {
			property.value = &off
		}
		if property.value != nil {
			all = append(all, unit.With(property.name, strconv.FormatBool(*property.value)))
		}
	}
	return all
}
