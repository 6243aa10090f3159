// Package product is the kit for products: modules whose blocks are made of several steps, mostly of primitives.
package product

import (
	"errors"
	"fmt"

	"github.com/rcprov/rcprov/modules"
)

// A Builder collects the parts of a product on one host, in the order in which they are added, and what is wrong with them,
// so that a plan shows all of it at once. The zero value with Env is ready to use.
type Builder struct {
	Env modules.Env

	parts []modules.Part
	errs  []error
}

// Make returns the step that the New of a primitive makes of args and of the defaults of what args leaves out
// ([modules.Defaults]), to be wrapped and added. What New finds wrong becomes an error of the builder, which begins with the
// name of the part; the step is then of no use, and nil if New returned nil.
func Make[A any](b *Builder, part string, build func(A, modules.Env) (modules.Step, error), args A) modules.Step {
	modules.Defaults(&args)
	step, err := build(args, b.Env)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", part, err))
	}
	return step
}

// Add makes a step as [Make] does and adds it as a part.
func Add[A any](b *Builder, part string, build func(A, modules.Env) (modules.Step, error), args A) {
	b.Add(part, Make(b, part, build, args))
}

// Add adds a part.
func (b *Builder) Add(part string, step modules.Step) {
	b.parts = append(b.parts, modules.Part{Name: part, Step: step})
}

// Require adds what the host must have for a part, which was added before, unless an error prevented that. While a plan is
// only checked, nothing is known about the host, and nothing is required.
func (b *Builder) Require(part string, all ...modules.Requirement) {
	if b.Env.Facts == nil {
		return
	}
	for i := range b.parts {
		if b.parts[i].Name == part {
			b.parts[i].Requires = append(b.parts[i].Requires, all...)
			return
		}
	}
	if errors.Join(b.errs...) == nil {
		panic("bug: requirements of a part that was not added: " + part)
	}
}

// Fail adds errors; nil ones don't count.
func (b *Builder) Fail(errs ...error) { b.errs = append(b.errs, errs...) }

// Parts returns the parts, and all errors joined.
func (b *Builder) Parts() ([]modules.Part, error) { return b.parts, errors.Join(b.errs...) }
