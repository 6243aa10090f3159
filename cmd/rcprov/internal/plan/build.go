package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		Host: s.host.Name, Label: b.label, Facts: s.facts[s.host.Name], Templates: s.opts.Templates, Port: s.host.Port,
		Sensitive: func(arg string) bool { return i.sensitive[arg] },
		ReadFile:  s.readFile,
		Render:    s.templates.render,
	}
	for _, h := range s.play.Hosts {
		env.Peers = append(env.Peers, modules.Peer{Name: h.Name, Address: h.Address})
	}
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

func (p *Plan) readFile(path string) ([]byte, error) {
	content, err := os.ReadFile(p.absolute(path))
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("%q can't be read: %s", path, cause(err)),
			"A relative path starts at the plan's directory, \"%s\".", p.dir)
	}
	return content, nil
}

// absolute returns the absolute form of a path on the controller, which may be relative to the plan's directory, or start
// with "~/", as those of public keys often do.
func (p *Plan) absolute(path string) string {
	if inHome, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, inHome)
		}
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(p.dir, path)
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
		at, text, hint = i.block.argRange(arg.Arg), arg.Arg+" "+arg.Err.Error(), arg.Hint
	}
	var advice *modules.HintError
	if hint == "" && errors.As(err, &advice) {
		hint = advice.Hint
	}
	return mistake(at, fmt.Sprintf("%s: %s", i, text), hint)
}

// argRange returns the place of an argument, or the block's header if it is not set. "rule.port" is an argument in a nested
// block.
func (b *stepBlock) argRange(arg string) hcl.Range {
	at, body := b.block.DefRange(), b.block.Body
	for _, name := range strings.Split(arg, ".") {
		if attr := body.Attributes[name]; attr != nil {
			return attr.SrcRange
		}
		i := slices.IndexFunc(body.Blocks, func(inner *hclsyntax.Block) bool { return inner.Type == name })
		if i < 0 {
			return at
		}
		at, body = body.Blocks[i].DefRange(), body.Blocks[i].Body
	}
	return at
}
