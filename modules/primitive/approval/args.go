// Package approval is the module approval: a pause that a person ends.
package approval

import _ "embed"

//go:embed args.go
var source string

// Args describe a pause that a person ends, before the steps behind it are applied.
//
//	approval "traffic" {
//	  text = "The new release is installed on all hosts of this play. May it take the traffic?"
//	}
//
// `apply` does the steps before it on all hosts of the play, then asks once for all of them, and goes on only after the answer
// `yes`. Until then, no later step of the play changes anything on any of its hosts. It asks only when a later step of the play
// would change something; otherwise there is nothing to approve, and a second `apply` asks nobody. `plan` never asks: it shows
// where apply will.
//
// After any other answer, the run ends there: no later step and no later play is applied. So it does where nobody can be asked,
// because there is no terminal, unless the command line approves the step: `--approve PLAY/STEP`, with this one in a play "rollout"
// `--approve rollout/approval.traffic`.
//
// After the answer, the hosts are looked at again. While a person thinks, the run keeps the locks of the hosts that it has
// changed. In a serial play, the question is asked for the first hosts, and the answer counts for all. With --tags, --skip-tags
// or --only, a step that is left out asks nobody: give it the tags of the steps behind it. Of an approval, `run_once` means
// nothing: it is asked once anyway.
type Args struct {
	// What the person should know or look at, and the question.
	Text string `hcl:"text"`
}
