package jitsi

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// NoTURN turns off a coturn that has Jitsi's configuration, rcprov's or the package's. One with a configuration of its own is
// somebody else's.
type NoTURN struct{}

var _ modules.Step = (*NoTURN)(nil)

const turnDropIn = "/etc/systemd/system/" + turnUnit + ".d/rcprov.conf"

// turnMark is the line by which Jitsi's package recognises its configuration.
const turnMark = "# jitsi-meet coturn config. Do not modify this line"

// Observe implements [modules.Step].
func (s *NoTURN) Observe(q *observe.Query) {
	observe.File.Ask(q, confQuestion(turnConf))
	observe.File.Ask(q, observe.FileQuestion{Path: turnDropIn})
}

// Diff implements [modules.Step].
func (s *NoTURN) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	conf, err := observe.File.Get(snapshot, confQuestion(turnConf))
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", turnConf, err)
	}
	dropIn, err := observe.File.Get(snapshot, observe.FileQuestion{Path: turnDropIn})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", turnDropIn, err)
	}
	if conf.Type != observe.Regular || !slices.Contains(strings.Split(string(conf.Content), "\n"), turnMark) {
		return modules.Change{}, nil
	}
	w := noTURNWork{turnConf}
	if dropIn.Type == observe.Regular {
		w = append(w, turnDropIn)
	}
	return modules.NewChange(w), nil
}

// noTURNWork is the files that are removed once coturn is stopped.
type noTURNWork []string

// Edits implements [modules.Work].
func (w noTURNWork) Edits() []modules.Edit {
	if len(w) == 0 {
		return nil
	}
	edits := []modules.Edit{{Action: modules.Update, Subject: turnUnit, Field: "enabled", From: "enabled", To: "disabled, and stopped"}}
	for _, path := range w {
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: path})
	}
	return edits
}

// Foresee implements [modules.Foreseer].
func (s *NoTURN) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f := snapshot.Forecast()
	f.Stop(snapshot, turnUnit)
	for _, path := range c.Work.(noTURNWork) {
		f.Remove(path)
	}
	f.DaemonReload()
}

//go:embed noturn.sh
var noTURNScript string

// Apply implements [modules.Step]. The configuration, by which a next run sees what is left to do, goes last.
func (s *NoTURN) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	if _, err := h.Run(ctx, modules.Command{Script: shell.Script(noTURNScript, shell.Vars{"unit": turnUnit, "dropin": turnDropIn})}); err != nil {
		return err
	}
	return modules.RemovePath(ctx, h, turnConf, modules.RemoveFile, modules.BackupPath(turnConf))
}
