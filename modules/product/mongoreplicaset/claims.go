package mongoreplicaset

import (
	"fmt"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	set := modules.Claim{Thing: modules.Thing{Kind: "the replica set of", Name: s.Self}}
	all := []modules.Claim{
		set.With("name", s.Name), set.Hidden("members", modules.Words(s.Members)), set.With("admin_user", s.Admin.User),
		set.Hidden("admin_password", s.Admin.Password),
	}
	for _, u := range s.Users {
		user := modules.Claim{Thing: modules.Thing{Kind: "MongoDB user", Name: u.User + "@" + u.Database}}
		all = append(all, user.Hidden("password", u.Password), user.With("roles", fmt.Sprint(u.Roles)))
	}
	return all
}
