package jitsi

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Former is that nginx and prosody read nothing of a former domain any more. Jitsi's packages see to that when they are
// told of a new one, unless they are killed in the middle; and two sites of Jitsi's are more than nginx takes.
type Former struct {
	Domain string
}

var _ modules.Step = (*Former)(nil)

// inUse answers which files nginx and prosody read that are of a Jitsi.
var inUse = observe.NewLines("sites of Jitsi",
	`grep -ls -e '/etc/jitsi/meet/.*-config\.js' -e '^VirtualHost "auth\.' /etc/nginx/sites-enabled/*.conf /etc/prosody/conf.d/*.cfg.lua || [ $? -le 2 ]`)

// Observe implements [modules.Step].
func (s *Former) Observe(q *observe.Query) { inUse.Ask(q, struct{}{}) }

// Diff implements [modules.Step].
func (s *Former) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	files, err := inUse.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look for sites of Jitsi: %w", err)
	}
	var c modules.Change
	for _, path := range files {
		if !strings.HasSuffix(path, "/"+s.Domain+".conf") && !strings.HasSuffix(path, "/"+s.Domain+".cfg.lua") {
			c.Edits = append(c.Edits, modules.Edit{Action: modules.Remove, Subject: path, From: "of another domain"})
		}
	}
	slices.SortFunc(c.Edits, func(a, b modules.Edit) int { return strings.Compare(a.Subject, b.Subject) })
	return c, nil
}

// Apply implements [modules.Step]. What the links lead to stays; a file in their place is kept.
func (s *Former) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	const script = `
for f do
	if [ ! -L "$f" ]; then
		mkdir -p -- "/var/lib/rcprov/backup$(dirname -- "$f")"
		cp -p -- "$f" "/var/lib/rcprov/backup$f"
	fi
	rm -f -- "$f"
done
`
	argv := []string{"sh", "-euc", script, "former"}
	for _, e := range c.Edits {
		argv = append(argv, e.Subject)
	}
	_, err := h.Run(ctx, modules.Command{Argv: argv})
	return err
}
