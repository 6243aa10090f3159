package cli

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/modules"
)

// bashFunctions are what cobra's script for bash takes from the package bash-completion, without which each Tab would print an
// error.
//
//go:embed completion.bash
var bashFunctions string

// completeBash prints the completion script for bash.
func completeBash(root *cobra.Command, out io.Writer) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	text := strings.NewReplacer("_get_comp_words_by_ref ", "__rcprov_words ", "_filedir", "__rcprov_files").Replace(script.String())
	_, err := fmt.Fprintf(out, "%s\n%s", text, bashFunctions)
	return err
}

// addCompletion replaces what cobra's command completion lacks.
func addCompletion(root *cobra.Command) {
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	completion.Args = knownShell
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // without one no argument is checked
	if bash, _, err := completion.Find([]string{"bash"}); err == nil {
		bash.RunE = func(*cobra.Command, []string) error { return completeBash(root, root.OutOrStdout()) }
		bash.Long = `Print the completion script for bash. To use it in each new shell, add to ~/.bashrc:

  source <(rcprov completion bash)`
	}
}

// knownShell checks the arguments of `completion`: any that is left names a shell that has no subcommand.
func knownShell(completion *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var shells []string
	for _, c := range completion.Commands() {
		shells = append(shells, c.Name())
	}
	return modules.WithHint(fmt.Errorf("there is no completion for the shell %q", args[0]), "The shells are %s.", strings.Join(shells, ", "))
}
