package rights

import "github.com/rcprov/rcprov/modules"

// Claims returns that the path of of has these rights.
func (r Rights) Claims(of modules.Claim) []modules.Claim {
	return []modules.Claim{of.With("mode", r.OctalMode()), of.With("owner", name(r.Owner)), of.With("group", name(r.Group))}
}

// name returns root's name for its number; other numbers have names only on a host.
func name(account string) string {
	if account == "0" {
		return "root"
	}
	return account
}
