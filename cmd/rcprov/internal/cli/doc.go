package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/manual"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// languagePage names the manual of the plan language, beside those of the modules.
const languagePage = "language"

func (a *app) docCommand() *cobra.Command {
	return &cobra.Command{
		Use:        "doc [MODULE | language]",
		SuggestFor: []string{"man", "modules"},
		GroupID:    groupPlans,
		Short:      "Show the manual of a module or of the plan language",
		Long: "List the modules, or show the manual of one: what it does, an example, its arguments and its outputs;\n" +
			"or show how plans are written: blocks, arguments of every step, expressions and functions." + exitHelp,
		Example: "  rcprov doc\n  rcprov doc file\n  rcprov doc language",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("only one module at a time, not %d", len(args))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return append(a.moduleNames(), languagePage), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listModules()
			}
			if args[0] == languagePage {
				return a.showLanguage()
			}
			return a.showModule(args[0])
		},
	}
}

func (a *app) moduleNames() []string {
	names := make([]string, len(a.Modules))
	for i, m := range a.Modules {
		names[i] = m.Name
	}
	slices.Sort(names)
	return names
}

func (a *app) listModules() error {
	var manuals []manual.Manual
	width := 0
	for _, m := range a.Modules {
		page, err := manual.Of(m)
		if err != nil {
			return err
		}
		manuals = append(manuals, page)
		width = max(width, len(page.Name))
	}
	slices.SortFunc(manuals, func(a, b manual.Manual) int { return strings.Compare(a.Name, b.Name) })
	if a.json {
		for _, page := range manuals {
			if err := a.printManual(page); err != nil {
				return err
			}
		}
		return nil
	}
	for _, page := range manuals {
		if _, err := fmt.Fprintf(a.Stdout, "%-*s  %s\n", width, page.Name, page.Summary); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.Stdout, "\nThe manual of a module: `rcprov doc %s`.\nThe manual of the plan language: `rcprov doc %s`.\n", manuals[0].Name, languagePage)
	return err
}

func (a *app) showModule(name string) error {
	i := slices.IndexFunc(a.Modules, func(m modules.Module) bool { return m.Name == name })
	if i < 0 {
		hint := "`rcprov doc` lists all modules."
		if near := nearest(name, append(a.moduleNames(), languagePage)); near != "" {
			hint = fmt.Sprintf("Did you mean %q? %s", near, hint)
		}
		if ours, ok := plan.ElsewhereCalled(name); ok {
			hint = fmt.Sprintf("Here that is %s. %s", ours, hint)
		}
		return modules.WithHint(fmt.Errorf("there is no module %q", name), "%s", hint)
	}
	page, err := manual.Of(a.Modules[i])
	if err != nil {
		return err
	}
	return a.printManual(page)
}

func (a *app) showLanguage() error {
	if a.json {
		return json.NewEncoder(a.Stdout).Encode(struct {
			Version int    `json:"version"`
			Type    string `json:"type"`
			Text    string `json:"text"`
		}{1, "language", plan.Language()})
	}
	_, err := io.WriteString(a.Stdout, plan.Language())
	return err
}

func (a *app) printManual(page manual.Manual) error {
	if a.json {
		return json.NewEncoder(a.Stdout).Encode(struct {
			Version int           `json:"version"`
			Type    string        `json:"type"`
			Module  manual.Manual `json:"module"`
		}{1, "module", page})
	}
	screen := a.terminal(a.Stdout)
	style := manual.Style{Width: 80}
	if screen.size != nil {
		columns, _ := screen.size()
		style.Width = min(columns, 100)
	}
	if screen.colors {
		style.Bold = func(text string) string { return "\x1b[1m" + text + "\x1b[0m" }
	}
	return page.Print(a.Stdout, style)
}

// nearest returns the known name that was probably meant, "" if none is similar.
func nearest(name string, known []string) string {
	best, distance := "", 3 // with more than two typos it is another word
	for _, k := range known {
		if d := levenshtein.Distance(name, k, nil); d < distance {
			best, distance = k, d
		}
	}
	return best
}
