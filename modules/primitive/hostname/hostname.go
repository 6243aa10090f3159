package hostname

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module hostname.
func Module() modules.Module { return modules.Primitive("hostname", source, New) }

const path = "/etc/hostname"

// Step is the name of a host.
type Step struct {
	Name  string
	Hosts bool
}

var _ modules.Claimer = (*Step)(nil)

// validName follows hostname(7): labels of letters, digits and hyphens, lowercase, because systemd makes them so.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Name: args.Name, Hosts: args.Hosts}
	switch {
	case len(args.Name) > 64: // HOST_NAME_MAX of Linux, sethostname(2)
		return s, modules.Argf("name", "has %d letters, and Linux takes 64", len(args.Name))
	case !validName.MatchString(args.Name):
		return s, &modules.ArgError{
			Arg: "name", Err: fmt.Errorf("must be a host name, not %q", args.Name),
			Hint: "Lowercase letters, digits, hyphens and dots; each part begins and ends with a letter or a digit.",
		}
	case args.Name == "localhost" || strings.HasPrefix(args.Name, "localhost."):
		return s, modules.Argf("name", "must be the host's own, not %q", args.Name)
	}
	return s, nil
}

// running answers which name the kernel has.
var running = observe.NewLines("running host name", "uname -n")

// The file's comments and blank lines don't count, hostname(5).
var question = observe.FileQuestion{Path: path, Content: true}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, question)
	running.Ask(q, struct{}{})
	if s.Hosts {
		s.hosts("").Observe(q)
	}
}

// hosts is what /etc/hosts should have; previous is the host's name so far.
func (s *Step) hosts(previous string) *portion.Step {
	return &portion.Step{
		Path: "/etc/hosts", Field: "names", Create: true, Mode: 0o644, Owner: "root", Group: "root",
		Text: func(old string) (string, []string, error) { return newHosts(old, s.Name, previous), nil, nil },
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, question)
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", path, err)
	case is.Type != observe.Absent && is.Type != observe.Regular:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", path, is.Type), "Something else manages it: set the name there, or remove it.")
	}
	now, err := running.Get(snapshot, struct{}{})
	if err != nil || len(now) != 1 {
		return modules.Change{}, errors.Join(errors.New("ask for the running host name"), err)
	}
	w := work{Name: s.Name, Old: string(is.Content), Missing: is.Type == observe.Absent}
	var notes []string
	if s.Hosts {
		c, err := s.hosts(static(w.Old)).Diff(snapshot)
		if err != nil {
			return modules.Change{}, err
		}
		if !c.Empty() {
			w.Hosts = new(c.Work.(portion.Work))
		}
		notes = c.Notes
	}
	w.File = static(w.Old) != s.Name
	if now[0] != s.Name {
		w.Running = now[0]
	}
	return modules.NewChange(w, notes...), nil
}

// static returns the name that hostname(5) has.
func static(content string) string {
	for line := range strings.Lines(content) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

// newHosts returns hosts(5) with name on some line: that of 127.0.1.1 if it is on none yet, in place of previous.
func newHosts(old, name, previous string) string {
	names := []string{name}
	if short, _, found := strings.Cut(name, "."); found {
		names = append(names, short)
	}
	shortPrevious, _, _ := strings.Cut(previous, ".")
	lines := slices.Collect(strings.Lines(old))
	own := -1
	for i, line := range lines {
		fields, _, _ := strings.Cut(line, "#")
		words := strings.Fields(fields)
		switch {
		case len(words) < 2:
		case slices.ContainsFunc(words[1:], func(w string) bool { return strings.EqualFold(w, name) }):
			return old
		case words[0] == "127.0.1.1" && own < 0:
			own = i
		}
	}
	if own < 0 {
		lines, _ = portion.Place{After: regexp.MustCompile(`^127\.0\.0\.1\s`)}.Add(lines, "", "127.0.1.1\t"+strings.Join(names, " "))
		return strings.Join(lines, "")
	}
	body, end := portion.CutEnd(lines[own])
	fields, comment, commented := strings.Cut(body, "#")
	for _, word := range strings.Fields(fields)[1:] {
		if word != previous && word != shortPrevious && !slices.Contains(names, word) {
			names = append(names, word)
		}
	}
	lines[own] = "127.0.1.1\t" + strings.Join(names, " ")
	if commented {
		lines[own] += " #" + comment
	}
	lines[own] += end
	return strings.Join(lines, "")
}

// Apply implements [modules.Step]. The name can be looked up before anything has it.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.Hosts != nil {
		if err := s.hosts("").Write(ctx, h, *w.Hosts); err != nil {
			return err
		}
	}
	if w.File {
		if err := modules.WriteFile(ctx, h, modules.File{Path: path, Content: []byte(s.Name + "\n"), Keep: true, Mode: 0o644}); err != nil {
			return err
		}
	}
	if w.Running == "" {
		return nil
	}
	_, err := h.Run(ctx, modules.Command{Argv: []string{"hostname", s.Name}})
	return modules.WithHint(err, "The name counts from the next boot. In a container it may belong to the machine that runs it: set it there.")
}

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	name := modules.Claim{Thing: modules.Thing{Kind: "host name"}}
	file := modules.PathClaim(path, modules.AFile)
	all := []modules.Claim{name.With("name", s.Name), file, file.Hidden("content", modules.Content(s.Name+"\n"))}
	if s.Hosts {
		all = append(all, s.hosts("").Claims()...)
	}
	return all
}

// work is what is done about the name.
type work struct {
	Name    string
	Hosts   *portion.Work // nil: /etc/hosts stays
	File    bool          // whether hostname(5) changes
	Missing bool          // it is not there yet
	Old     string        // its content
	Running string        // the name of the running kernel; empty: it stays
}

// Edits implements [modules.Work].
func (w work) Edits() (edits []modules.Edit) {
	if w.Hosts != nil {
		edits = w.Hosts.Edits()
	}
	if w.File {
		e := modules.Edit{Action: modules.Update, Subject: path, Field: "name", Text: &modules.Text{Old: w.Old, New: w.Name + "\n"}}
		if w.Missing {
			e.Action, e.Field = modules.Create, ""
		}
		edits = append(edits, e)
	}
	if w.Running != "" {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: "host name", Field: "name", From: w.Running, To: w.Name})
	}
	return edits
}
