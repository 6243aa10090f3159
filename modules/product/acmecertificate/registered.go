package acmecertificate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Registered is the step for the host's account with the CA, under the email that the timer gives to lego: lego makes no
// account when it renews, and without one it fails each time that the timer starts it.
type Registered struct {
	Issue *Issue
}

var _ modules.Step = (*Registered)(nil)

func (r *Registered) questions() (key, text observe.FileQuestion) {
	return observe.FileQuestion{Path: r.Issue.accountKey(), Content: true}, observe.FileQuestion{Path: r.Issue.accountText(), Content: true}
}

// Observe implements [modules.Step].
func (r *Registered) Observe(q *observe.Query) {
	key, text := r.questions()
	observe.File.Ask(q, key)
	observe.File.Ask(q, text)
}

// Diff implements [modules.Step].
func (r *Registered) Diff(s *observe.Snapshot) (modules.Change, error) {
	askKey, askText := r.questions()
	key, err := observe.File.Get(s, askKey)
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", askKey.Path, err)
	}
	text, err := observe.File.Get(s, askText)
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", askText.Path, err)
	}
	if key.Type != observe.Absent {
		if _, err := r.Issue.parseAccountKey(key.Content); err != nil {
			return modules.Change{}, err
		}
	}
	var a account
	if key.Type != observe.Absent && json.Unmarshal(text.Content, &a) == nil && a.Registration != nil && a.Registration.URI != "" {
		return modules.Change{}, nil
	}
	return modules.NewChange(accountWork{Dir: r.Issue.accountDir(), Name: r.Issue.accountName(), Directory: r.Issue.Directory}), nil
}

// accountWork is an account that is asked for.
type accountWork struct {
	Dir       string // where it is stored
	Name      string
	Directory string // the CA's URL
}

// Edits implements [modules.Work].
func (w accountWork) Edits() []modules.Edit {
	return []modules.Edit{{
		Action: modules.Create, Subject: w.Dir, To: "account of " + w.Name + " with " + w.Directory,
	}}
}

// Apply implements [modules.Step].
func (r *Registered) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	ctx, cancel := r.Issue.withLimit(ctx)
	defer cancel()
	modules.Progress(ctx, "asking the CA for an account")
	if _, err := r.Issue.client(ctx, h); err != nil {
		return r.Issue.explainWithin(ctx, err, false)
	}
	return nil
}
