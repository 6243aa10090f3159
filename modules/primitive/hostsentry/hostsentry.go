package hostsentry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module hosts_entry.
func Module() modules.Module { return modules.Primitive("hosts_entry", source, New) }

// Step is an address with its names in /etc/hosts.
type Step struct {
	desired desired
	path    string // /etc/hosts, except in tests
}

var _ modules.Scripted = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{path: "/etc/hosts", desired: desired{names: args.Names, absent: args.State == "absent"}}
	var errs []error
	ip, err := netip.ParseAddr(args.IP)
	switch {
	case err != nil:
		errs = append(errs, modules.Argf("ip", "must be an IPv4 or IPv6 address, not %q", args.IP))
	case ip.Zone() != "" || ip.Is4In6():
		errs = append(errs, modules.Argf("ip", "must be a plain address, not %q", args.IP))
	}
	s.desired.ip = ip
	if len(args.Names) == 0 {
		errs = append(errs, modules.Argf("names", "must have at least one name"))
	}
	seen := make(map[string]bool)
	for _, name := range args.Names {
		switch lower := strings.ToLower(name); {
		case !isHostName(name):
			errs = append(errs, modules.Argf("names", "must be host names, not %q", name))
		case seen[lower]:
			errs = append(errs, modules.Argf("names", "has %q twice", name))
		default:
			seen[lower] = true
		}
	}
	return s, errors.Join(errs...)
}

// isHostName follows hostname(7), and allows the underscore that many use.
func isHostName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return name != "" && len(name) <= 253 && strings.Trim(name, letters) == "" && name[0] != '-' && name[0] != '.' &&
		!strings.Contains(name, "..")
}

func (s *Step) question() observe.FileQuestion {
	return observe.FileQuestion{Path: s.path, Content: true}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { observe.File.Ask(q, s.question()) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, s.question())
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.path, err)
	case is.Type == observe.Symlink:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is a symbolic link to %s", s.path, is.Target),
			"Something else manages this file: set the names there, or replace the link with a file.")
	case is.Type != observe.Absent && is.Type != observe.Regular:
		return modules.Change{}, fmt.Errorf("%s is %s, not a file", s.path, is.Type)
	case is.Type == observe.Regular && is.Content == nil:
		return modules.Change{}, fmt.Errorf("%s has %d bytes, too many to edit (at most %d)", s.path, is.Size, observe.MaxContent)
	}
	old := string(is.Content)
	text := newContent(old, s.desired)
	if text == old {
		return modules.Change{}, nil
	}
	var notes []string
	// cloud-init says so in the file that it writes (templates/hosts.debian.tmpl); then each boot undoes the edit.
	if strings.Contains(old, "manage_etc_hosts") {
		notes = append(notes, "cloud-init rewrites "+s.path+" at each boot: set `manage_etc_hosts: false` in /etc/cloud/cloud.cfg, or edit /etc/cloud/templates/hosts.debian.tmpl")
	}
	return modules.NewChange(work{Path: s.path, Old: old, New: text}, notes...), nil
}

// Apply implements [modules.Step].
func (*Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	return modules.WriteFile(ctx, h, file(c))
}

// Script implements [modules.Scripted].
func (*Step) Script(c modules.Change) (modules.Script, bool) { return file(c).Script() }

// file is the file as c makes it.
func file(c modules.Change) modules.File {
	w := c.Work.(work)
	return modules.File{Path: w.Path, Content: []byte(w.New), Keep: true, Mode: 0o644}
}
