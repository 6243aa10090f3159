package authorizedkey

import (
	"cmp"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	file := modules.Claim{Thing: modules.Thing{Kind: modules.KindKeys, Name: cmp.Or(s.Path, s.User)}}
	key := ssh.FingerprintSHA256(s.Key)
	is := modules.Claim{Thing: modules.Thing{Kind: "key", Name: key + " of " + file.Thing.Name}}
	if s.Absent {
		return []modules.Claim{is.With("", modules.Absent), file.Hidden("", keyring{})}
	}
	options := is.With("options", strings.Join(s.Options, ","))
	if s.Sensitive {
		options.Text = ""
	}
	all := []modules.Claim{is.With("", "a key"), options, file.Hidden("keys", keyring{key, s.Exclusive})}
	if s.Comment != nil {
		all = append(all, is.With("comment", *s.Comment))
	}
	return all
}

// keyring is a key that a file has, and perhaps no others.
type keyring struct {
	key       string
	exclusive bool
}

// Agrees implements [modules.Agreer].
func (k keyring) Agrees(with any) bool {
	other, ok := with.(keyring)
	return ok && (k.key == other.key || !k.exclusive && !other.exclusive)
}
