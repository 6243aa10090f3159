package nginx

import "github.com/rcprov/rcprov/modules"

var _ modules.Claimer = (*Configuration)(nil)

// Claims implements [modules.Claimer].
func (c *Configuration) Claims() []modules.Claim {
	var all []modules.Claim
	for _, f := range c.Files {
		all = append(all, f.Claims()...)
	}
	if c.Names != nil {
		if c.long() {
			all = append(all, longNames().Claims()...)
		}
		all = append(all, claimNames(c.Names, c.Files[0].Path)...)
	}
	return all
}
