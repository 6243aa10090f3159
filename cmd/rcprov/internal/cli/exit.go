package cli

import (
	"errors"
	"fmt"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
)

// The exit statuses of all commands. Each command's help says which of them it has, with exitHelp.
const (
	exitOK      = 0 // success, and plan found nothing to change
	exitError   = 1 // a mistake in the command line or in the plan, or a failure on a host
	exitChanges = 2 // plan, fmt --check: success, and something would change
)

const (
	exitHelp        = "\n\nExit status: 0 on success, 1 after an error."
	exitHelpChanges = "\n\nExit status: 0 if nothing would change, 2 if something would, 1 after an error."
)

// exit is the error of a command that has already shown its errors: only the status is left.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// showError shows the error of one host among several.
func (a *app) showError(err error) error { return report.Error(err, a.reportOptions()) }

// exitStatus turns the error of a command into the exit status, and shows it unless that was done already.
func (a *app) exitStatus(err error) int {
	var shown exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &shown):
		return int(shown)
	}
	if err := report.Error(err, a.reportOptions()); err != nil {
		return exitError // standard error is closed: nowhere left to show it
	}
	return exitError
}
