package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// Digests are what was seen of the steps of one host, by "PLAY/STEP": of each, how it differed from the plan before the run changed
// anything. They are keyed, so that nobody guesses from them what was seen.
type Digests map[string]string

// A ChangedError is the error of a host that is no longer as a saved plan saw it.
type ChangedError struct {
	Steps []string // that see something else, or are others, as "PLAY/STEP"
}

func (e *ChangedError) Error() string {
	const readable = 10
	steps := e.Steps
	more := ""
	if len(steps) > readable {
		more = fmt.Sprintf(" and %d more", len(steps)-readable)
		steps = steps[:readable]
	}
	return fmt.Sprintf("the host has changed since the plan was made: other things are seen by %s%s", strings.Join(steps, ", "), more)
}

// digests returns those of the host's steps, by its first observation.
func (h *host) digests() Digests {
	all := Digests{}
	steps := slices.Clone(h.steps)
	for _, s := range h.expanded(h.first) {
		if !slices.Contains(steps, s) {
			steps = append(steps, s)
		}
	}
	for _, s := range steps {
		name := h.run.Options.Plan.Plays[s.play].Name + "/" + s.Address
		mac := hmac.New(sha256.New, []byte(h.run.Salt))
		write := func(format string, a ...any) { _, _ = fmt.Fprintf(mac, format, a...) } // a digest takes all
		write("%q", s.Skip)
		if s.Step.Step != nil {
			change, err := s.Step.Step.Diff(h.first)
			write("%q", fmt.Sprint(err))
			for _, e := range change.Edits {
				var text modules.Text
				if e.Text != nil {
					text = *e.Text
				}
				write("%q", []string{string(e.Action), e.Subject, e.Field, e.From, e.To, text.Old, text.New})
			}
		}
		if s.Query != nil {
			text, err := s.Query.Answer(h.first)
			write("%q%v", text, err)
		}
		all[name] = hex.EncodeToString(mac.Sum(nil)[:16])
	}
	return all
}

// compare returns an error if the host is not as a saved plan saw it.
func (h *host) compare(saved Digests) error {
	now := h.digests()
	var steps []string
	for name, digest := range now {
		if saved[name] != digest {
			steps = append(steps, name)
		}
	}
	for name := range saved {
		if _, ok := now[name]; !ok {
			steps = append(steps, name)
		}
	}
	if len(steps) == 0 {
		return nil
	}
	slices.Sort(steps)
	return modules.WithHint(&ChangedError{steps}, "See what would change now, and save that: `rcprov plan PLAN --out FILE`.")
}
