package acmecertificate

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/certcrypto"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Issue is the step for a certificate from an ACME CA, stored in lego's layout.
type Issue struct {
	Pair
	Names          []string
	KeyType        certcrypto.KeyType
	ReuseKey       bool
	Directory      string // URL
	Roots          []byte // CA certificates to trust for Directory, PEM; nil: those of this machine
	Email          string
	Challenge      string // "http-01" or "dns-01"
	Webroot        string
	SelfCheck      bool
	Nameservers    []string
	Addresses      []string // of the host, for messages
	DNSProvider    string
	DNSCredentials map[string]modules.Secret
	DNSWait        time.Duration // 0: ask the DNS servers
	Profile        string
	PreferredChain string
	EABKeyID       string
	EABHMAC        modules.Secret
	FailBelow      time.Duration // of the remaining lifetime: then a renewal that fails is an error; 0: a tenth, at least 3 days

	Lego    string        // lego's directory on the host
	port    string        // where CAs look for http-01; tests have no 80
	tlsPort string        // and where after a redirect to https
	dnsPort string        // of the domain's DNS servers
	cache   string        // directory on this machine for answers of CAs; empty: none
	pause   time.Duration // before a CA with trouble of its own is asked again
}

var _ modules.Step = (*Issue)(nil)

func newIssue(args Args, pair Pair, roots []byte) *Issue {
	wait, _ := time.ParseDuration(args.DNSWait) // checked; none is 0
	return &Issue{
		DNSWait: wait,
		Pair:    pair, Names: args.Names, KeyType: keyTypes[args.KeyType], ReuseKey: args.ReuseKey, Directory: directoryURL(args.Directory), Roots: roots,
		Email: args.Email, Challenge: args.Challenge, Webroot: args.Webroot, SelfCheck: args.SelfCheck, Nameservers: args.Nameservers,
		DNSProvider: args.DNSProvider, DNSCredentials: args.DNSCredentials, Profile: args.Profile, PreferredChain: args.PreferredChain,
		EABKeyID: args.EABKeyID, EABHMAC: args.EABHMAC, FailBelow: time.Duration(args.FailBelowDays) * 24 * time.Hour, Lego: legoDir, port: "80",
		tlsPort: "443", dnsPort: "53", cache: cacheDir(), pause: passingPause,
	}
}

// origin is what rcprov notes beside a certificate: who issued it, and when to renew it.
type origin struct {
	Serial    string    `json:"serial"` // of the certificate that this is about: lego may have renewed it since
	Directory string    `json:"directory"`
	RenewAt   time.Time `json:"renewAt,omitzero"` // a time in the window that the CA suggested (RFC 9773); zero: none
	AskAt     time.Time `json:"askAt,omitzero"`   // when the CA may suggest another
	Failed    *failure  `json:"failed,omitempty"` // the last renewal, if it failed
}

// failure is a renewal that failed.
type failure struct {
	At      time.Time `json:"at"`
	Why     string    `json:"why"`
	RetryAt time.Time `json:"retryAt"` // when to ask again, at the earliest
}

// grace returns until when a renewal that fails is no error: then enough of the lifetime remains to try again.
func (i *Issue) grace(leaf *x509.Certificate) time.Time {
	least := i.FailBelow
	if least == 0 {
		least = max(leaf.NotAfter.Sub(leaf.NotBefore)/10, 3*24*time.Hour)
	}
	return leaf.NotAfter.Add(-least)
}

func (i *Issue) base() string { return strings.TrimSuffix(i.Certificate, ".crt") }

func (i *Issue) originPath() string { return i.base() + ".rcprov.json" }

func (i *Issue) question() observe.FileQuestion {
	return observe.FileQuestion{Path: i.originPath(), Content: true}
}

// Observe implements [modules.Step].
func (i *Issue) Observe(q *observe.Query) {
	i.observe(q)
	observe.File.Ask(q, i.question())
	observe.File.Ask(q, observe.FileQuestion{Path: i.timerCache(), Content: true})
	suggestions.Ask(q, i.inquiry())
}

// Diff implements [modules.Step].
func (i *Issue) Diff(s *observe.Snapshot) (modules.Change, error) {
	is, err := i.look(s)
	if err != nil {
		return modules.Change{}, err
	}
	note, err := observe.File.Get(s, i.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", i.originPath(), err)
	}
	from := readOrigin(note.Content, is.leaf)
	if is.leaf != nil {
		if from.RenewAt, err = i.renewAt(s, is.leaf); err != nil {
			return modules.Change{}, err
		}
	}
	if why := i.compare(is, from); why != converged {
		w := issueWork{Certificate: i.Certificate, Names: i.Names, KeyType: i.KeyType, Directory: i.Directory, Seen: viewOf(is), Why: why}
		w.Seen.Directory = from.Directory
		if why == endsSoon || why == suggested {
			w.Grace = i.grace(is.leaf)
			if f := from.Failed; f != nil && is.now.Before(f.RetryAt) && is.now.Before(w.Grace) {
				c := i.rights(is)
				c.Notes = append(c.Notes, fmt.Sprintf("its renewal failed on %s: %s; it is valid for %d more days, and the CA is asked again from %s on",
					day(f.At), f.Why, int(is.leaf.NotAfter.Sub(is.now).Hours()/24), f.RetryAt.UTC().Format("2006-01-02 15:04 UTC")))
				return c, nil
			}
		}
		return modules.NewChange(w), nil
	}
	return i.rights(is), nil
}

// renewAt returns when the CA wants leaf to be renewed, by its newest answer; zero if it has no wish, or one that is no use: after
// the end.
func (i *Issue) renewAt(s *observe.Snapshot, leaf *x509.Certificate) (time.Time, error) {
	newest := i.inquiry().known(s, leaf)
	asked, err := suggestions.Get(s, i.inquiry())
	if err != nil {
		return time.Time{}, fmt.Errorf("ask %s when to renew %s: %w", i.Directory, i.Certificate, err)
	}
	if asked.Fingerprint == fingerprintOf(leaf) && !asked.RenewAt.IsZero() {
		newest = asked
	}
	if newest.RenewAt.After(leaf.NotAfter) {
		return time.Time{}, nil
	}
	return newest.RenewAt, nil
}

// Foresee implements [modules.Foreseer].
func (i *Issue) Foresee(s *observe.Snapshot, c modules.Change) {
	i.foresee(s, c, &SelfSigned{Pair: i.Pair, Names: i.Names})
}

// compare returns the first reason to ask the CA.
func (i *Issue) compare(is seen, from origin) reason {
	switch {
	case is.leaf == nil:
		return noPair
	case slices.Contains(is.leaf.Subject.Organization, placeholder):
		return onlyPlaceholder
	case !sameNames(is.leaf.DNSNames, i.Names):
		return otherNames
	case keyTypeOf(is.leaf) != i.KeyType:
		return otherKeyType
	case from.Directory != "" && from.Directory != i.Directory:
		return otherDirectory
	case is.now.After(is.leaf.NotAfter):
		return ended
	case from.RenewAt.IsZero() && renewable(is.leaf, is.now):
		return endsSoon
	case !from.RenewAt.IsZero() && !is.now.Before(from.RenewAt):
		return suggested
	}
	return converged
}

// readOrigin reads the note about the certificate leaf; the zero value if there is none about it.
func readOrigin(text []byte, leaf *x509.Certificate) origin {
	var o origin
	// An unreadable note counts as none: it only refines the decision.
	if leaf == nil || json.Unmarshal(text, &o) != nil || o.Serial != leaf.SerialNumber.Text(16) {
		return origin{}
	}
	return o
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
