package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/manual"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// Pages of section 7 that every other one leads to.
const (
	modulesPage  = "rcprov-modules"
	languagePage = "rcprov-language"
)

// pages returns the source of each page by its file, such as "rcprov-plan.1".
//
// Cobra's own generator, package cobra/doc, takes the texts of commands for Markdown; they are plain text, with columns that it
// would run together.
func pages(root *cobra.Command, all []modules.Module, of edition) (map[string][]byte, error) {
	found := map[string][]byte{}
	commandPages(found, root, of)
	var manuals []manual.Manual
	for _, m := range all {
		text, err := manual.Of(m)
		if err != nil {
			return nil, err
		}
		manuals = append(manuals, text)
		found[modulePage(text.Name)+".7"] = module(text, of)
	}
	slices.SortFunc(manuals, func(a, b manual.Manual) int { return cmp.Compare(a.Name, b.Name) })
	found[modulesPage+".7"] = index(manuals, of)
	found[languagePage+".7"] = language(of)
	return found, nil
}

// commandPages adds the pages of a command and of those below it.
func commandPages(found map[string][]byte, command *cobra.Command, of edition) {
	name := commandPage(command)
	p := newPage(name, "1", firstLower(command.Short), of)
	p.heading("SYNOPSIS")
	subcommands := shown(command)
	switch {
	case command.HasParent() && len(subcommands) == 0:
		p.code(command.UseLine())
	default:
		p.code(command.CommandPath() + " COMMAND [flags]")
	}
	text, exit, hasExit := strings.Cut(cmp.Or(command.Long, command.Short), "\n\nExit status: ")
	p.heading("DESCRIPTION")
	p.prose(text, "PP")
	if len(subcommands) > 0 {
		p.heading("COMMANDS")
		for _, sub := range subcommands {
			p.entry(sub.Name(), "")
			p.prose(firstLower(sub.Short)+".", "IP")
		}
	}
	for _, some := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"OPTIONS", command.NonInheritedFlags()}, {"OPTIONS OF ALL COMMANDS", command.InheritedFlags()}} {
		if some.flags.HasAvailableFlags() {
			p.heading(some.title)
			some.flags.VisitAll(func(f *pflag.Flag) { p.option(f) })
		}
	}
	if hasExit {
		p.heading("EXIT STATUS")
		p.prose(exit, "PP")
	}
	if command.Example != "" {
		p.heading("EXAMPLES")
		p.code(command.Example)
	}
	var others []string
	if parent := command.Parent(); parent != nil {
		others = append(others, commandPage(parent)+"(1)")
	}
	for _, sub := range subcommands {
		others = append(others, commandPage(sub)+"(1)")
		commandPages(found, sub, of)
	}
	p.see(append(others, languagePage+"(7)", modulesPage+"(7)")...)
	found[name+".1"] = []byte(p.String())
}

// shown returns the commands below one that have a page. The shells of completion are on its own.
func shown(command *cobra.Command) []*cobra.Command {
	if command.Name() == "completion" {
		return nil
	}
	return slices.DeleteFunc(command.Commands(), func(c *cobra.Command) bool { return !c.IsAvailableCommand() || c.Name() == "help" })
}

func commandPage(command *cobra.Command) string {
	return strings.ReplaceAll(command.CommandPath(), " ", "-")
}

func (p *page) option(f *pflag.Flag) {
	if f.Hidden {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	names := "--" + f.Name
	if f.Shorthand != "" {
		names = "-" + f.Shorthand + ", " + names
	}
	if !slices.Contains([]string{"", "false", "0", "0s", "[]"}, f.DefValue) {
		usage += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	p.entry(names, value)
	p.prose(usage, "IP")
}

func modulePage(name string) string { return "rcprov-" + name }

// module is the page of a module.
func module(m manual.Manual, of edition) []byte {
	p := newPage(modulePage(m.Name), "7", m.Summary, of)
	p.heading("DESCRIPTION")
	p.prose("In a plan of rcprov, a block `"+m.Name+"` is "+m.Summary+".\n\n"+m.Text, "PP")
	if m.Example != "" {
		p.heading("EXAMPLE")
		p.code(m.Example)
	}
	p.heading("ARGUMENTS")
	p.arguments(m.Args)
	p.macro("PP")
	p.prose("Each step may also have the arguments that "+languagePage+"(7) lists.", "PP")
	if len(m.Outputs) > 0 {
		p.heading("OUTPUTS")
		for _, o := range m.Outputs {
			p.entry(o.Name, o.Type)
			p.prose(manual.Unfold(o.Text), "IP")
		}
	}
	p.see("rcprov-doc(1)", languagePage+"(7)", modulesPage+"(7)")
	return []byte(p.String())
}

func (p *page) arguments(args []manual.Arg) {
	for _, a := range args {
		p.entry(a.Name, a.Kind())
		p.prose(manual.Unfold(a.Text), "IP")
		if len(a.Args) > 0 {
			p.macro("RS")
			p.arguments(a.Args)
			p.macro("RE")
		}
	}
}

// index is the page that lists the modules.
func index(manuals []manual.Manual, of edition) []byte {
	p := newPage(modulesPage, "7", "what blocks in a plan of rcprov can be", of)
	p.heading("DESCRIPTION")
	p.prose("A step of a plan is a block that begins with the name of one of these modules. Each has a page of its own, such as "+
		modulePage("file")+"(7).", "PP")
	p.heading("MODULES")
	for _, m := range manuals {
		p.entry(m.Name, "")
		p.prose(m.Summary, "IP")
	}
	p.see("rcprov(1)", languagePage+"(7)")
	return []byte(p.String())
}

// language is the page of the plan language. Its text has columns, and stays as it is.
func language(of edition) []byte {
	about, text, _ := strings.Cut(plan.Language(), "\n")
	_, about, _ = strings.Cut(about, ": ")
	p := newPage(languagePage, "7", about, of)
	p.heading("DESCRIPTION")
	p.code(strings.TrimLeft(text, "\n"))
	p.see("rcprov(1)", "rcprov-doc(1)", modulesPage+"(7)")
	return []byte(p.String())
}

func firstLower(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToLower(text[:1]) + text[1:]
}
