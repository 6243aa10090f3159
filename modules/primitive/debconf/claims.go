package debconf

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	var all []modules.Claim
	for _, a := range s.Answers {
		is := modules.Claim{Thing: modules.Thing{Kind: "debconf answer", Name: a.Question}}
		c := is.With("value", a.Value)
		if s.Sensitive || a.Type == "password" {
			c.Text = ""
		}
		all = append(all, c)
	}
	return all
}
