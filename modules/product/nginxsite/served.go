package nginxsite

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/product/nginx"
)

// Served checks that nginx serves a certificate for the names of a site, as browsers ask for it. A reload returns before the workers
// have changed; a running nginx that can't apply what it read (another program has the port) goes on as before and only logs that;
// and a site of somebody else may take a name, or all names at an address. So the proof is what a client gets.
type Served struct {
	Names       []string // that clients ask for
	Addresses   []string // of the host, where they are asked, too, if nginx may have a site for one of them; see [Addresses]
	Certificate string   // path on the host

	Port int // 0: 443

	// Plain says that port 80 is asked as well: what it does instead of a redirect to https is a note.
	Plain bool
}

var _ modules.Bystander = (*Served)(nil)

// switchTimeout limits the time that nginx takes to change its workers after a reload.
const switchTimeout = 15 * time.Second

// Addresses returns those of a host's addresses where a site is asked; ipv6 says that it listens there, too. Without facts there
// are none.
func Addresses(facts *observe.Facts, ipv6 bool) (all []string) {
	if facts == nil {
		return nil
	}
	for _, text := range facts.Addresses {
		address, err := netip.ParseAddr(text)
		if err == nil && (ipv6 || address.Is4()) && len(all) < mostAddresses {
			all = append(all, address.String())
		}
	}
	return all
}

func (s *Served) place() place {
	return place{names: strings.Join(s.Names, " "), addresses: strings.Join(s.Addresses, " "), plain: s.Plain, port: s.Port}
}

// near is the place without other addresses.
func (s *Served) near() place {
	near := s.place()
	near.addresses = ""
	return near
}

func (s *Served) question() observe.FileQuestion {
	return observe.FileQuestion{Path: s.Certificate, Content: true}
}

// Observe implements [modules.Step].
func (s *Served) Observe(q *observe.Query) {
	observe.File.Ask(q, s.question())
	tlsProbe.Ask(q, s.near())
	if len(s.Addresses) > 0 {
		nginx.AskOneAddress(q)
		otherProbe.Ask(q, s.place())
	}
}

// answers returns what clients get: at all addresses, or at the loopback address alone if that answers for all.
func (s *Served) answers(snapshot *observe.Snapshot) ([]answer, error) {
	got, err := tlsProbe.Get(snapshot, s.near())
	if err != nil || len(s.Addresses) == 0 {
		return got, err
	}
	if all, err := otherProbe.Get(snapshot, s.place()); err != nil || len(all) > 0 {
		return all, err
	}
	return got, nil
}

// Toward implements [modules.Bystander].
func (s *Served) Toward(effect string) modules.Standing {
	if effect == nginx.Reloading {
		return modules.FollowsEffect
	}
	return modules.NeedsEffect
}

// Diff implements [modules.Step].
func (s *Served) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Certificate, err)
	}
	// nginx would follow a link, but its target isn't known here; the part service watches the files.
	if is.Type == observe.Symlink {
		return modules.Change{Notes: []string{s.Certificate + " is a link: rcprov does not check whether it is served"}}, nil
	}
	got, err := s.answers(snapshot)
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask for the certificate of %s: %w", strings.Join(s.Names, ", "), err)
	}
	want := ""
	if block, _ := pem.Decode(is.Content); block != nil {
		want = observe.Fingerprint(block.Bytes)
	}
	w := work{wanted: s}
	var notes []string
	w.others, notes = compare(got, want)
	if is.Type != observe.Absent && want == "" && (len(w.others) == 0 || w.others[0].Failure == "") {
		return modules.Change{}, fmt.Errorf("%s is not a certificate in PEM form", s.Certificate)
	}
	return modules.NewChange(w, notes...), nil
}

// compare returns the answers that differ from what is wanted and matter, and notes about the others. Of a name that differs at the
// loopback address, the other addresses say nothing new; and what is the same for several names is in the first one's. Silence at
// another address is a note: sshd may forbid to ask there.
func compare(got []answer, want string) (others []answer, notes []string) {
	differs, silent := make(map[string]bool), make(map[string]bool)
	for _, a := range got {
		switch {
		case a.Fingerprint == want && want != "" || differs[a.Name]:
		case a.Failure != "" && a.Address != loopback:
			if !silent[a.Address] {
				notes = append(notes, fmt.Sprintf("nothing answers at %s: %s", a.at(), a.Failure))
			}
			silent[a.Address] = true
		case a.Failure != "" && silent[a.Failure]:
			differs[a.Name] = true
		case a.Elsewhere:
			notes = append(notes, fmt.Sprintf("%s is served with %s at %s, where the DNS leads nobody", a.Name, a.served(), a.Address))
		default:
			others = append(others, a)
			differs[a.Name] = differs[a.Name] || a.Address == loopback
			silent[a.Failure] = true
		}
	}
	unfit := make(map[string]bool)
	for _, a := range got {
		if a.Unfit != "" && a.Fingerprint == want && !unfit[a.Name] {
			unfit[a.Name] = true
			notes = append(notes, fmt.Sprintf("clients refuse the certificate that they get for %s: it %s", a.Name, a.Unfit))
		}
	}
	told := make(map[string]bool)
	for _, a := range got {
		if a.Plain != "" && a.Failure == "" && !told[a.Name] {
			told[a.Name] = true
			notes = append(notes, fmt.Sprintf("http://%s at %s:80 answers with %s, not with a redirect to https", a.Name, a.Address, a.Plain))
		}
	}
	return others, notes
}

// served is what a client gets, for people.
func (a answer) served() string {
	if a.Failure != "" {
		return "nothing: " + a.Failure
	}
	return "another certificate"
}

// work is a certificate that is not served yet.
type work struct {
	wanted *Served
	others []answer // what is served instead
}

// Edits implements [modules.Work].
func (w work) Edits() (all []modules.Edit) {
	for _, a := range w.others {
		subject := a.url()
		if a.Address != loopback {
			subject += " at " + a.Address
		}
		all = append(all, modules.Edit{Action: modules.Run, Subject: subject, Field: "certificate", From: a.served(), To: w.wanted.Certificate})
	}
	return all
}

// Apply implements [modules.Step]. Steps before this one have reloaded nginx when a file changed; the workers may just not
// have changed yet.
func (s *Served) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	modules.Progress(ctx, "waiting until %s is served", s.Names[0])
	read, err := modules.ReadPath(ctx, h, s.Certificate)
	if err == nil && read == nil {
		err = errors.New(s.Certificate + " is not there")
	}
	if err != nil {
		return modules.WithHint(fmt.Errorf("read the certificate: %w", err), "Put it there in an earlier block.")
	}
	block, _ := pem.Decode(read)
	if block == nil {
		return fmt.Errorf("%s is not a certificate in PEM form", s.Certificate)
	}
	want := observe.Fingerprint(block.Bytes)
	place := s.place()
	place.plain = false
	others, bytes, err := settle(ctx, h, "the certificate", func() ([]answer, error) {
		got, err := ask(ctx, h.Dial, place)
		others, _ := compare(got, want)
		return others, err
	})
	if err != nil || len(others) == 0 {
		return err
	}
	return s.notServed(ctx, h, others, bytes)
}

//go:embed evidence.sh
var evidenceScript string

// notServed returns the error for a site that nginx accepted and doesn't serve.
func (s *Served) notServed(ctx context.Context, h modules.Host, others []answer, bytes string) error {
	var lines []string
	silent := false
	for _, a := range others {
		silent = silent || a.Failure != ""
		what := "another certificate is served"
		if a.Failure != "" {
			what = a.Failure
		}
		lines = append(lines, fmt.Sprintf("%s at %s is not served with %s: %s", a.Name, a.at(), s.Certificate, what))
	}
	return withEvidence(ctx, h, lines, s.Names, cmp.Or(s.Port, 443), silent, bytes)
}
