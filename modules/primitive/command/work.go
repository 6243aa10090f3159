package command

import (
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/inspect"
)

// work is the run of the command; there is none without a reason.
type work struct {
	Name    string
	Reasons []reason
}

// reason is a condition that wants the command to run.
type reason struct {
	Arg     string          // creates, removes, unless or changed_when
	Path    string          // of creates and removes
	Outcome inspect.Outcome // of the program of the others
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	if len(w.Reasons) == 0 {
		return nil
	}
	reasons := make([]string, len(w.Reasons))
	for i, r := range w.Reasons {
		reasons[i] = r.String()
	}
	return []modules.Edit{{Action: modules.Run, Subject: w.Name, From: strings.Join(reasons, ", ")}}
}

// String returns r for people.
func (r reason) String() string {
	switch {
	case r.Arg == "creates":
		return r.Path + " does not exist"
	case r.Arg == "removes":
		return r.Path + " exists"
	case r.Outcome.Missing != "":
		return fmt.Sprintf("`%s` needs %s, which is not there", r.Arg, r.Outcome.Missing)
	}
	return fmt.Sprintf("`%s` exits with %d", r.Arg, r.Outcome.Status)
}
