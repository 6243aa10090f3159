package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/manual"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules"
)

// languagePage names the manual of the plan language, beside those of the modules.
const languagePage = "language"

func (a *app) docCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doc [MODULE | LIBRARY | language]",
		GroupID: groupPlans,
		Short:   "Show the manual of a module, a library or the plan language",
		Long: "List the modules, or show the manual of one: what it does, an example, its arguments and its outputs;\n" +
			"or show how plans are written: blocks, arguments of every step, expressions and functions.\n" +
			"Of a library, the directory that a plan includes, it shows the inputs, outputs and steps." + exitHelp,
		Example: "  rcprov doc\n  rcprov doc file\n  rcprov doc ./lib/base\n  rcprov doc language",
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listModules()
			}
			if args[0] == languagePage {
				return a.showLanguage()
			}
			if isLibrary(args[0]) {
				return a.showLibrary(args[0])
			}
			return a.showModule(cmd.Root(), args[0])
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
			if err := a.printManual("module", page); err != nil {
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

func (a *app) showModule(root *cobra.Command, name string) error {
	i := slices.IndexFunc(a.Modules, func(m modules.Module) bool { return m.Name == name })
	if i < 0 {
		hint := "`rcprov doc` lists all modules."
		if near := nearest(name, append(a.moduleNames(), languagePage)); near != "" {
			hint = fmt.Sprintf("Did you mean %q? %s", near, hint)
		}
		if ours, ok := plan.ElsewhereCalled(name); ok {
			hint = fmt.Sprintf("Here that is %s. `rcprov doc` lists all modules.", ours)
		} else if inLanguage(name) {
			hint = fmt.Sprintf("It belongs to the language of plans: `rcprov doc %s`.", languagePage)
		} else if slices.Contains(commandNames(root), name) {
			hint = fmt.Sprintf("It is a command: `rcprov help %s`.", name)
		}
		return modules.WithHint(fmt.Errorf("there is no module %q", name), "%s", hint)
	}
	page, err := manual.Of(a.Modules[i])
	if err != nil {
		return err
	}
	return a.printManual("module", page)
}

// isLibrary reports whether an argument of doc is a directory, and not the name of a module.
func isLibrary(arg string) bool {
	return strings.ContainsRune(arg, '/') || strings.ContainsRune(arg, os.PathSeparator) || arg == "." || arg == ".."
}

func (a *app) showLibrary(path string) error {
	lib, files, diags := plan.Describe(path, plan.Options{Modules: a.Modules, Templates: a.Templates, Environ: a.Environ})
	if err := a.showMistakes(&plan.Plan{Files: files}, diags); err != nil {
		return err
	}
	label := "all"
	if abs, err := filepath.Abs(path); err == nil {
		label = filepath.Base(abs)
	}
	shown := visible.Text // a library may be a stranger's, who wonders what a terminal does
	page := manual.Manual{Name: shown(path), Summary: "a library"}
	for _, step := range lib.Steps {
		page.Steps = append(page.Steps, shown(step))
	}
	if lib.Plays {
		page.Summary = "a library of plays, for an include outside of plays"
	}
	if summary, text, _ := strings.Cut(lib.Text, "\n\n"); summary != "" {
		page.Summary, page.Text = shown(summary), shown(text)
	}
	args := []string{fmt.Sprintf("source = %q", path)}
	for _, in := range lib.Inputs {
		arg := manual.Arg{Name: in.Name, Type: in.Type, Required: in.Default == "", Default: shown(in.Default), Secret: in.Sensitive, Text: shown(in.Text)}
		if in.Sensitive && !slices.Contains([]string{"", "null", `""`}, in.Default) {
			arg.Default = "(sensitive)"
		}
		for _, rule := range in.Rules {
			arg.Text = strings.TrimSpace(arg.Text + "\n\n" + shown(rule))
		}
		page.Args = append(page.Args, arg)
		if arg.Required {
			args = append(args, in.Name+" = \"...\"")
		}
	}
	page.Example = shown(string(hclwrite.Format([]byte(fmt.Sprintf("include %q {\n%s\n}", label, strings.Join(args, "\n"))))))
	for _, o := range lib.Outputs {
		page.Outputs = append(page.Outputs, manual.Output{Name: o.Name, Text: shown(o.Text)})
	}
	return a.printManual("library", page)
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

// printManual prints a page. kind is "module" or "library".
func (a *app) printManual(kind string, page manual.Manual) error {
	if a.json {
		return json.NewEncoder(a.Stdout).Encode(struct {
			Version int           `json:"version"`
			Type    string        `json:"type"`
			Module  manual.Manual `json:"module"` // or library
		}{1, kind, page})
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

// inLanguage reports whether the manual of the plan language has an entry of that name: a block, an argument or a function.
func inLanguage(name string) bool {
	entry := regexp.MustCompile(`(?mi)^(|  |    )([a-z_0-9]+, )*` + regexp.QuoteMeta(name) + `(,| |$)`)
	return name != "" && entry.MatchString(plan.Language())
}

// nearest returns the known name that was probably meant, "" if none is similar. In three letters there may be one slip, in six two;
// two letters that changed places are one.
func nearest(name string, known []string) string {
	best, distance := "", (len(name)+4)/3
	for _, k := range known {
		d := levenshtein.Distance(name, k, nil)
		for i := 1; i < len(name); i++ {
			d = min(d, 1+levenshtein.Distance(name[:i-1]+name[i:i+1]+name[i-1:i]+name[i+1:], k, nil))
		}
		if d < min(distance, 3) {
			best, distance = k, d
		}
	}
	return best
}
