package product_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/observe"
)

type args struct {
	Path string `hcl:"path"`
	Mode string `hcl:"mode,optional" default:"0755"`
}

// step is one that shows what it was made of.
type step struct{ args }

func (step) Observe(*observe.Query)                                    {}
func (step) Diff(*observe.Snapshot) (modules.Change, error)            { return modules.Change{}, nil }
func (step) Apply(context.Context, modules.Host, modules.Change) error { return nil }
func build(a args, _ modules.Env) (modules.Step, error) {
	if a.Path == "" {
		return nil, modules.Argf("path", "is empty")
	}
	return step{a}, nil
}

// wrapped is a step around another one.
type wrapped struct{ modules.Step }

func TestBuilder(t *testing.T) {
	t.Parallel()
	b := &product.Builder{Env: modules.Env{Facts: &observe.Facts{}}}
	product.Add(b, "data", build, args{Path: "/srv"})
	b.Add("wrapped", wrapped{product.Make(b, "wrapped", build, args{Path: "/x", Mode: "0700"})})
	b.Require("data", preflight.Clock{})
	b.Require("data", preflight.Disk{Path: "/srv"})
	parts, err := b.Parts()
	if err != nil || len(parts) != 2 || parts[0].Name != "data" || parts[1].Name != "wrapped" {
		t.Fatalf("parts %+v, %v", parts, err)
	}
	if got, want := parts[0].Step, (step{args{"/srv", "0755"}}); got != want {
		t.Errorf("step %+v, want %+v", got, want)
	}
	if got, want := parts[1].Step, (wrapped{step{args{"/x", "0700"}}}); got != want {
		t.Errorf("step %+v, want %+v", got, want)
	}
	if want := []modules.Requirement{preflight.Clock{}, preflight.Disk{Path: "/srv"}}; !slices.Equal(parts[0].Requires, want) || parts[1].Requires != nil {
		t.Errorf("requires %+v and %+v", parts[0].Requires, parts[1].Requires)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	b := &product.Builder{}
	product.Add(b, "data", build, args{})
	b.Fail(nil, errors.New("no such release"))
	b.Require("data", preflight.Clock{}) // nothing is known about the host
	parts, err := b.Parts()
	if err == nil || err.Error() != "data: path: is empty\nno such release" {
		t.Errorf("error %v", err)
	}
	var arg *modules.ArgError
	if !errors.As(err, &arg) || arg.Arg != "path" {
		t.Errorf("argument %+v", arg)
	}
	if len(parts) != 1 || parts[0].Requires != nil {
		t.Errorf("parts %+v", parts)
	}
}
