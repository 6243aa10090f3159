package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/rcprov/rcprov/modules"
)

// build makes the module's steps if its arguments are known.
func (s *scope) build(i *instance) {
	if i.tried || !i.complete() {
		return
	}
	i.tried = true
	b := i.block
	env := modules.Env{
		Host: s.host.Name, Label: b.label, Facts: s.facts[s.host.Name], Templates: s.opts.Templates, Port: s.host.Port, Local: s.host.Connection == "local",
		Sensitive: func(arg string) bool { return i.sensitive[arg] },
		ReadFile:  s.config.dir.readRegular,
		Large:     s.config.dir.large,
		OpenDir:   s.config.dir.open,
		Render:    s.config.dir.templates.render,
	}
	env.Peers = s.play.peers
	if i.keyed {
		env.Label += i.suffix()
	}
	built, err := b.module.Build(i.args, env)
	if err != nil {
		for _, one := range split(err) {
			s.report(i.argumentError(one))
		}
		return
	}
	i.built = &built
}

// split returns the errors that were joined with errors.Join; only the outermost is a list of mistakes.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	list := joined.Unwrap()
	if errors.Join(list...).Error() != err.Error() {
		return []error{err} // fmt.Errorf with several %w: one mistake
	}
	var all []error
	for _, one := range list {
		all = append(all, split(one)...)
	}
	return all
}

// argumentError returns a mistake that a module found, with the place of the argument that caused it.
func (i *instance) argumentError(err error) *hcl.Diagnostic {
	at, text, hint := i.block.block.DefRange(), err.Error(), ""
	var arg *modules.ArgError
	if errors.As(err, &arg) {
		at, text, hint = i.block.argRange(arg.Arg), argText(arg.Arg)+" "+arg.Err.Error(), arg.Hint
	}
	var advice *modules.HintError
	if hint == "" && errors.As(err, &advice) {
		hint = advice.Hint
	}
	return mistake(at, fmt.Sprintf("%s: %s", i, text), hint)
}

// argText is the name of an argument for people: "port", "port of rule 2".
func argText(arg string) string {
	blocks := strings.Split(arg, ".")
	slices.Reverse(blocks)
	for i, name := range blocks {
		if block, number, ok := cutNumber(name); ok {
			blocks[i] = fmt.Sprintf("%s %d", block, number+1)
		} else if i > 0 {
			return arg
		}
	}
	return strings.Join(blocks, " of ")
}

// cutNumber cuts "rule[1]" into "rule" and 1. Without a number ok is false.
func cutNumber(name string) (block string, number int, ok bool) {
	block, rest, ok := strings.Cut(name, "[")
	if !ok {
		return name, 0, false
	}
	number, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	return block, number, err == nil
}

// argRange returns the place of an argument, or the block's header if it is not set. "rule[1].port" is an argument of the second
// nested block rule; without a number it is the first. Blocks that for_each makes have the numbers of their elements, and one
// place.
func (b *stepBlock) argRange(arg string) hcl.Range {
	at, body := b.block.DefRange(), b.block.Body
	for _, word := range strings.Split(arg, ".") {
		name, number, _ := cutNumber(word)
		if attr := body.Attributes[name]; attr != nil {
			return attr.SrcRange
		}
		var last *hclsyntax.Block
		for _, inner := range body.Blocks {
			if inner.Type == name {
				if last = inner; number == 0 || inner.Body.Attributes["for_each"] != nil {
					break
				}
				number--
			}
		}
		if last == nil {
			return at
		}
		at, body = last.DefRange(), last.Body
	}
	return at
}
