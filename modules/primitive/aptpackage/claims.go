package aptpackage

import (
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	var all []modules.Claim
	for _, p := range s.Packages {
		is := modules.Claim{Thing: modules.Thing{Kind: modules.KindPackage, Name: p.Name}}
		if s.Absent {
			all = append(all, is.With("", modules.Absent))
			continue
		}
		all = append(all, is.With("", "installed"))
		if p.Version != "" {
			c := is.With("version", p.Version)
			c.Value = version(p.Version)
			all = append(all, c)
		}
		if s.Origin != "" {
			all = append(all, is.With("origin", s.Origin))
		}
		if s.Held != nil {
			all = append(all, is.With("held", strconv.FormatBool(*s.Held)))
		}
	}
	return all
}

// version is one, or the beginning of several if it ends in "*".
type version string

// Agrees implements [modules.Agreer].
func (v version) Agrees(with any) bool {
	other, ok := with.(version)
	return ok && (v.covers(other) || other.covers(v))
}

func (v version) covers(other version) bool {
	prefix, several := strings.CutSuffix(string(v), "*")
	return v == other || several && strings.HasPrefix(string(other), prefix)
}
