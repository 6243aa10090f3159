package acmecertificate

import (
	"fmt"

	"github.com/rcprov/rcprov/modules"
)

var (
	_ modules.Claimer = (*SelfSigned)(nil)
	_ modules.Claimer = (*Issue)(nil)
)

// Claims implements [modules.Claimer]. A placeholder is for whatever comes later.
func (c *SelfSigned) Claims() []modules.Claim {
	if c.Placeholder {
		return nil
	}
	return c.claims("self-signed", c.Names, fmt.Sprint(c.KeyType))
}

// Claims implements [modules.Claimer].
func (i *Issue) Claims() []modules.Claim {
	return i.claims(i.Directory, i.Names, fmt.Sprint(i.KeyType))
}

func (p Pair) claims(issuer string, names []string, keyType string) []modules.Claim {
	is := modules.PathClaim(p.Certificate, modules.AFile)
	return []modules.Claim{
		is, modules.PathClaim(p.Key, modules.AFile),
		is.With("directory", issuer), is.Hidden("names", modules.Words(names)), is.With("key_type", keyType),
	}
}
