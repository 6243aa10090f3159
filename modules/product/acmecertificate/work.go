package acmecertificate

import (
	"io/fs"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/certcrypto"

	"github.com/rcprov/rcprov/modules"
)

// keyWork is a key that only root may read, and nothing else.
type keyWork struct {
	Key  string
	Mode fs.FileMode // the present one
}

// Edits implements [modules.Work].
func (w keyWork) Edits() []modules.Edit {
	return []modules.Edit{{
		Action: modules.Update, Subject: w.Key, Field: "mode", From: modules.OctalMode(w.Mode), To: modules.OctalMode(keyMode),
	}}
}

// A reason is why a pair is made, or made anew.
type reason int

// The reasons.
const (
	converged       reason = iota // there is none
	noPair                        // there is no usable one
	onlyPlaceholder               // the certificate holds the place of the CA's
	otherIssuer                   // it is not self-signed
	otherNames
	otherKeyType
	otherDirectory // it is from another CA
	ended
	endsSoon  // less than a third of its lifetime remains
	suggested // the CA suggests to renew it
)

// view is the pair that is there, as far as the edits show it; only Wrong without a usable one.
type view struct {
	Wrong     string
	Issuer    string
	Names     []string
	KeyType   certcrypto.KeyType
	NotAfter  time.Time
	Directory string // where it was issued; empty: unknown
}

func viewOf(is seen) view {
	if is.leaf == nil {
		return view{Wrong: is.wrong}
	}
	return view{Issuer: issuer(is.leaf), Names: is.leaf.DNSNames, KeyType: keyTypeOf(is.leaf), NotAfter: is.leaf.NotAfter}
}

// signWork is a certificate that is signed with its own key.
type signWork struct {
	Certificate string // path
	Names       []string
	KeyType     certcrypto.KeyType
	Seen        view
	Why         reason
}

// Edits implements [modules.Work].
func (w signWork) Edits() []modules.Edit {
	e := modules.Edit{Action: modules.Update, Subject: w.Certificate, To: "self-signed, for " + strings.Join(w.Names, ", ")}
	switch w.Why {
	case noPair:
		e.Action, e.From = modules.Create, w.Seen.Wrong
	case otherIssuer:
		e.From = "signed by " + w.Seen.Issuer
	case otherNames:
		e.Field, e.From = "names", strings.Join(w.Seen.Names, ", ")
	case otherKeyType:
		e.Field, e.From, e.To = "key_type", keyTypeName(w.Seen.KeyType), keyTypeName(w.KeyType)
	case endsSoon:
		e.From = "expires on " + day(w.Seen.NotAfter)
	}
	return []modules.Edit{e}
}

// issueWork is a certificate that the CA is asked for.
type issueWork struct {
	Certificate string // path
	Names       []string
	KeyType     certcrypto.KeyType
	Directory   string // the CA's URL
	Seen        view
	Why         reason
	Grace       time.Time // until then, it is no error that the CA gives none; zero: it is always one
}

// live reports whether a certificate of the CA's is replaced.
func (w issueWork) live() bool { return w.Why != noPair && w.Why != onlyPlaceholder }

// Edits implements [modules.Work].
func (w issueWork) Edits() []modules.Edit {
	e := modules.Edit{Action: modules.Update, Subject: w.Certificate}
	renew := func(why string) { e.Action, e.Field, e.To = modules.Run, "renew", why+day(w.Seen.NotAfter) }
	names := strings.Join(w.Names, ", ")
	switch w.Why {
	case noPair:
		e.Action, e.From, e.To = modules.Create, w.Seen.Wrong, "for "+names+", from "+w.Directory
	case onlyPlaceholder:
		e.From, e.To = "self-signed placeholder", "for "+names+", from "+w.Directory
	case otherNames:
		e.Field, e.From, e.To = "names", strings.Join(w.Seen.Names, ", "), names
	case otherKeyType:
		e.Field, e.From, e.To = "key_type", keyTypeName(w.Seen.KeyType), keyTypeName(w.KeyType)
	case otherDirectory:
		e.Field, e.From, e.To = "directory", w.Seen.Directory, w.Directory
	case ended:
		renew("expired on ")
	case endsSoon:
		renew("less than a third of its lifetime remains: it expires on ")
	case suggested:
		renew("the CA suggests so; it expires on ")
	}
	return []modules.Edit{e}
}
