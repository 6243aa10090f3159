package jitsi

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Guard keeps prosody from starting while its configuration lets people in without a token. Jitsi's package writes such a
// configuration and starts prosody with it, whenever it configures a domain: for half a minute everybody could log in, and for
// as long as nobody notices if the run ends there. The guard is a drop-in of prosody's unit, so that it also holds across
// a kill, a reboot, and what an administrator does with apt.
type Guard struct {
	Tokens bool // whether the plan requires tokens; otherwise there is no guard
}

var (
	_ modules.Step    = (*Guard)(nil)
	_ modules.Claimer = (*Guard)(nil)
)

const guardPath = "/etc/systemd/system/" + prosodyUnit + ".d/rcprov-tokens.conf"

// guardText has no quotes in the pattern, which systemd would take for its own. The line is as Jitsi's package writes it; a host
// for guests, which has a line of its own, may let them in.
const guardText = `# Written by rcprov: people need a token to log in, so prosody doesn't start with a configuration that lets in everybody.
[Service]
ExecStartPre=/bin/sh -c 'if grep -ls "^ *authentication = .jitsi-anonymous. -- do not delete me" /etc/prosody/conf.d/*.cfg.lua; then echo "This file lets people in without a token, and the plan of rcprov requires one: run rcprov again." >&2; exit 1; fi'
`

var guardedUnit = observe.UnitQuestion{Name: prosodyUnit}

// Claims implements [modules.Claimer].
func (s *Guard) Claims() []modules.Claim {
	if !s.Tokens {
		return []modules.Claim{modules.PathClaim(guardPath, modules.Absent)}
	}
	is := modules.PathClaim(guardPath, modules.AFile)
	return []modules.Claim{is, is.Hidden("content", modules.Content(guardText))}
}

// Observe implements [modules.Step].
func (s *Guard) Observe(q *observe.Query) {
	observe.File.Ask(q, confQuestion(guardPath))
	observe.Unit.Ask(q, guardedUnit)
}

// Diff implements [modules.Step].
func (s *Guard) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, confQuestion(guardPath))
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", guardPath, err)
	}
	unit, err := observe.Unit.Get(snapshot, guardedUnit)
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask systemd about %s: %w", prosodyUnit, err)
	}
	loaded := slices.Contains(unit.DropInPaths, guardPath)
	w := guardWork{Old: string(is.Content), Load: unit.Load != observe.NotFound && loaded != s.Tokens}
	switch {
	case is.Type != observe.Absent && is.Type != observe.Regular:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", guardPath, is.Type), "rcprov doesn't replace it: move it away.")
	case s.Tokens && is.Type == observe.Absent:
		w.Action = modules.Create
	case s.Tokens && w.Old != guardText:
		w.Action = modules.Update
	case !s.Tokens && is.Type == observe.Regular:
		w.Action = modules.Remove
	}
	return modules.NewChange(w), nil
}

// guardWork is what is done to the drop-in.
type guardWork struct {
	Action modules.Action // empty: the file stays
	Old    string
	Load   bool // systemd has not loaded what is on disk
}

// Edits implements [modules.Work].
func (w guardWork) Edits() []modules.Edit {
	switch {
	case w.Action == modules.Remove:
		return []modules.Edit{{Action: w.Action, Subject: guardPath}}
	case w.Action != "":
		return []modules.Edit{{Action: w.Action, Subject: guardPath, Text: &modules.Text{Old: w.Old, New: guardText}}}
	case w.Load:
		return []modules.Edit{{Action: modules.Run, Subject: prosodyUnit, Field: "daemon-reload", To: "systemd has not loaded the unit files on disk"}}
	}
	return nil
}

// Foresee implements [modules.Foreseer].
func (s *Guard) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f := snapshot.Forecast()
	switch w := c.Work.(guardWork); w.Action {
	case modules.Remove:
		f.Remove(guardPath)
	case modules.Create, modules.Update:
		f.Write(guardPath, observe.KnownContent([]byte(guardText)), nil)
	}
	f.DaemonReload()
}

// Apply implements [modules.Step].
func (s *Guard) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	var err error
	switch w := c.Work.(guardWork); w.Action {
	case modules.Remove:
		err = modules.RemovePath(ctx, h, guardPath, modules.RemoveFile, "")
	case modules.Create, modules.Update:
		if _, err = h.Run(ctx, modules.Command{Argv: []string{"mkdir", "-p", "-m", "0755", "--", path.Dir(guardPath)}}); err == nil {
			err = modules.WriteFile(ctx, h, modules.File{Path: guardPath, Content: []byte(guardText), Mode: 0o644})
		}
	}
	if err != nil {
		return err
	}
	_, err = h.Run(ctx, modules.Command{Argv: []string{"systemctl", "daemon-reload"}})
	return err
}
