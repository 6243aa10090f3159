package engine

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// SecretsPath is where a host remembers what on it has held secrets, which nobody but root can read: one edit's subject and field
// on each line, quoted as Go does. A plan that no longer knows that /etc/app.env held a password would otherwise show it as a
// removed line, or as the neighbour of one.
const SecretsPath = "/var/lib/rcprov/secrets"

// heldSecrets asks for the lines of SecretsPath.
var heldSecrets = observe.NewLines("what held secrets", "[ ! -e "+SecretsPath+" ] || cat "+SecretsPath)

//go:embed secrets.sh
var rememberScript string

// rememberTimeout bounds the writing of SecretsPath.
const rememberTimeout = journalTimeout

// secretPlace is the subject and the field of an edit.
type secretPlace struct{ subject, field string }

func (p secretPlace) String() string { return strconv.Quote(p.subject) + " " + strconv.Quote(p.field) }

// memory holds what has held secrets on a host.
type memory struct {
	places   map[secretPlace]bool
	subjects map[string]bool
}

func (m *memory) add(p secretPlace) {
	if m.places == nil {
		m.places, m.subjects = make(map[secretPlace]bool), make(map[string]bool)
	}
	m.places[p], m.subjects[p.subject] = true, true
}

// read adds what the host remembers.
func (m *memory) read(snapshot *observe.Snapshot) error {
	lines, err := heldSecrets.Get(snapshot, struct{}{})
	if err != nil {
		return fmt.Errorf("read %s: %w", SecretsPath, err)
	}
	for _, line := range lines {
		prefix, err := strconv.QuotedPrefix(line)
		if err != nil {
			continue // a write that was cut off
		}
		subject, err := strconv.Unquote(prefix)
		field, fieldErr := strconv.Unquote(strings.TrimSpace(line[len(prefix):]))
		if err == nil && fieldErr == nil {
			m.add(secretPlace{subject, field})
		}
	}
	return nil
}

// cover makes edits sensitive that could show what was a secret: each text of a subject that held one, and the values of the fields
// that did.
func (m *memory) cover(c modules.Change) modules.Change {
	covered := func(e modules.Edit) bool {
		return !e.Sensitive && m.subjects[e.Subject] && (e.Text != nil || m.places[secretPlace{e.Subject, e.Field}])
	}
	if !slices.ContainsFunc(c.Edits, covered) {
		return c
	}
	c.Edits = slices.Clone(c.Edits)
	for i, e := range c.Edits {
		c.Edits[i].Sensitive = e.Sensitive || covered(e)
	}
	return c
}

// lacks reports whether the host does not remember a secret of a step yet.
func (m *memory) lacks(keeper modules.SecretKeeper) bool {
	return slices.ContainsFunc(keeper.SecretFiles(), func(path string) bool { return !m.places[secretPlace{path, "content"}] })
}

// missing returns what steps and changes put secrets into and the host does not remember yet, sorted.
func (m *memory) missing(steps []*step, changes ...modules.Change) []secretPlace {
	var places []secretPlace
	for _, s := range steps {
		if keeper, ok := s.Step.Step.(modules.SecretKeeper); ok {
			for _, path := range keeper.SecretFiles() {
				places = append(places, secretPlace{path, "content"})
			}
		}
	}
	for _, c := range changes {
		for _, e := range c.Edits {
			if e.Sensitive {
				places = append(places, secretPlace{e.Subject, e.Field})
			}
		}
	}
	places = slices.DeleteFunc(places, func(p secretPlace) bool { return m.places[p] })
	slices.SortFunc(places, func(a, b secretPlace) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(places)
}

// diff returns what step s is to change, without what was a secret on the host before.
func (h *host) diff(s *step) (modules.Change, error) {
	c, err := s.Step.Step.Diff(h.seen.snapshot)
	return h.memory.cover(c), err
}

// rememberConverged makes the host remember the secrets of a step that has nothing to change, if it does not yet.
func (w *walk) rememberConverged(ctx context.Context, s *step) error {
	keeper, ok := s.Step.Step.(modules.SecretKeeper)
	if !ok || w.host.run.Mode == Plan || !w.host.memory.lacks(keeper) {
		return nil
	}
	return w.host.remember(ctx)
}

// remember makes the host remember where the steps of the run, and changes, put secrets. It runs before the first of them
// is made.
func (h *host) remember(ctx context.Context, changes ...modules.Change) error {
	missing := h.memory.missing(h.steps, changes...)
	if len(missing) == 0 {
		return nil
	}
	var lines strings.Builder
	for _, p := range missing {
		lines.WriteString(p.String() + "\n")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberTimeout)
	defer cancel()
	_, stderr, err := h.link.conn.Ask(ctx, shell.Script(rememberScript, shell.Vars{"path": SecretsPath, "lines": lines.String()}))
	if err != nil {
		return fmt.Errorf("write %s: %w", SecretsPath, err)
	}
	if text := strings.TrimSpace(string(stderr)); text != "" {
		return fmt.Errorf("write %s: %s", SecretsPath, text)
	}
	for _, p := range missing {
		h.memory.add(p)
	}
	return nil
}
