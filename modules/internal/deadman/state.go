package deadman

import (
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// State is how a switch stands.
type State string

// The states. A host that never had the switch has none.
const (
	Armed     State = "armed"     // a change was made and nobody has confirmed it yet
	Restoring State = "restoring" // the previous state is being put back
	Restored  State = "restored"  // it is back
	Confirmed State = "confirmed"
)

// Undecided reports whether what a host seems to be is being changed, or will be taken back.
func (s State) Undecided() bool { return s == Armed || s == Restoring }

// Ask returns shell for a module's probe: it prints "deadman STATE" for the switch of a name, and starts no program. It
// belongs before and behind what the probe reads: when one of the states is undecided, what was read in between may be
// anything.
func Ask(name string) string {
	return fmt.Sprintf("for state in armed restoring restored confirmed; do\n\tif [ -e %s/$state ]; then echo \"deadman $state\"; break; fi\ndone\n",
		shell.Quote(hostPlace.state+"/"+name))
}

// ParseLine reads a line that the shell of Ask printed; false if it is none.
func ParseLine(line string) (State, bool) {
	state, ok := strings.CutPrefix(line, "deadman ")
	return State(state), ok
}

// Edit returns the difference that a switch is which a dead run left undecided. It is the only one of the step then:
// nothing else that was observed counts. The engine, having the lock, restores the previous state and looks again; so
// Apply has nothing to do for it.
func (s State) Edit(subject string) (modules.Edit, bool) {
	if !s.Undecided() {
		return modules.Edit{}, false
	}
	return modules.Edit{
		Action: modules.Run, Subject: subject, Field: Field,
		From: "a change that its run did not live to confirm", To: "taken back, then made again",
	}, true
}

// Note tells a person about the state of a switch, if there is something to tell.
func (s State) Note() (text string, ok bool) {
	const taken = "an earlier run's change was taken back: it failed, or no new login confirmed it in time"
	return taken, s == Restored
}

// Field is the field of Edit's edits.
const Field = "unconfirmed"
