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

// PreviousDomain removes the files of a previous domain that nginx and prosody read. Jitsi's packages do that when the domain
// changes, unless they are killed; and nginx does not accept two sites of Jitsi's.
type PreviousDomain struct {
	Domain string
}

var _ modules.Step = (*PreviousDomain)(nil)

// inUse lists the files of any Jitsi that nginx and prosody read.
var inUse = observe.NewLines("sites of Jitsi",
	`grep -ls -e '/etc/jitsi/meet/.*-config\.js' -e '^VirtualHost "auth\.' /etc/nginx/sites-enabled/*.conf /etc/prosody/conf.d/*.cfg.lua || [ $? -le 2 ]`).About("/etc/nginx/sites-enabled", "/etc/prosody/conf.d")

// Observe implements [modules.Step].
func (s *PreviousDomain) Observe(q *observe.Query) { inUse.Ask(q, struct{}{}) }

// Diff implements [modules.Step].
func (s *PreviousDomain) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	files, err := inUse.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look for sites of Jitsi: %w", err)
	}
	var w previousWork
	for _, path := range files {
		if !strings.HasSuffix(path, "/"+s.Domain+".conf") && !strings.HasSuffix(path, "/"+s.Domain+".cfg.lua") {
			w = append(w, path)
		}
	}
	slices.Sort(w)
	return modules.NewChange(w), nil
}

// previousWork is the files that are removed.
type previousWork []string

// Edits implements [modules.Work].
func (w previousWork) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, path := range w {
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: path, From: "of another domain"})
	}
	return edits
}

//go:embed previous.sh
var previousScript string

// Apply implements [modules.Step]. It removes links, but not their targets; a file in place of a link is backed up.
func (s *PreviousDomain) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w, _ := c.Work.(previousWork)
	_, err := h.Run(ctx, modules.Command{Script: shell.Script(previousScript, shell.Vars{"files": shell.QuoteAll(w)})})
	return err
}
