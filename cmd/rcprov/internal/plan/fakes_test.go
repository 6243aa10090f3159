package plan_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// fakeStep remembers what it was made of.
type fakeStep struct {
	Args any
	Env  modules.Env
	Part string
}

func (*fakeStep) Observe(*observe.Query) {}

func (*fakeStep) Diff(*observe.Snapshot) (modules.Change, error) { return modules.Change{}, nil }

func (*fakeStep) Apply(context.Context, modules.Host, modules.Change) error {
	return errors.New("a fake can't be applied")
}

// unitArgs stands for systemd_unit: references to files, a word, a number, a nested block.
type unitArgs struct {
	Unit      string            `hcl:"unit"`
	Running   *bool             `hcl:"running,optional"`
	State     string            `hcl:"state,optional" default:"started" oneof:"started,stopped"`
	Priority  int               `hcl:"priority,optional" default:"10"`
	RestartOn modules.Files     `hcl:"restart_on,optional"`
	Env       map[string]string `hcl:"env,optional" secret:"yes"`
	Any       cty.Value         `hcl:"any,optional" secret:"yes"`
	Limits    []unitLimit       `hcl:"limit,block"`
}

type unitLimit struct {
	Kind string `hcl:"kind,label"`
	Max  int    `hcl:"max"`
	Unit string `hcl:"unit,optional" default:"files" oneof:"files,bytes"`
}

// databaseArgs stands for a product: a secret, outputs, several parts, facts.
type databaseArgs struct {
	Version  string         `hcl:"version"`
	Password modules.Secret `hcl:"password,optional"`
}

type databaseOutputs struct {
	URL     string  `cty:"url"`
	Data    string  `cty:"data"`
	Package *string `cty:"package"` // depends on facts
}

// taskArgs has an argument of its own named like a meta-argument.
type taskArgs struct {
	Argv    []string `hcl:"argv"`
	Timeout int      `hcl:"timeout,optional" default:"7"`
}

// shapesArgs has every shape of argument that a module may declare.
type shapesArgs struct {
	Name    string                    `hcl:"name,optional" secret:"yes"`
	Flag    bool                      `hcl:"flag,optional" default:"true"`
	Ratio   float64                   `hcl:"ratio,optional" default:"0.5"`
	Pointer *int                      `hcl:"pointer,optional" default:"3"`
	Words   []string                  `hcl:"words,optional" oneof:"red,green"`
	Secrets []modules.Secret          `hcl:"secrets,optional"`
	ByName  map[string]modules.Secret `hcl:"by_name,optional" public:"_SERVER,_TTL"`
	Numbers []int                     `hcl:"numbers,optional"`
	Files   modules.Files             `hcl:"files,optional" secret:"yes"`
	Node    *nodeRef                  `hcl:"node,optional"`
	Any     cty.Value                 `hcl:"any,optional" secret:"yes"`
	One     *shapesInner              `hcl:"one,block"`
	Many    []*shapesInner            `hcl:"many,block"`
}

// nodeRef is a reference to a step, of which some attributes are used.
type nodeRef struct {
	Path string `cty:"path"`
	Mode string `cty:"mode"`
}

type shapesInner struct {
	Value string        `hcl:"value,optional" default:"inner" secret:"yes"`
	Deep  []shapesLeaf  `hcl:"deep,block"`
	Files modules.Files `hcl:"files,optional" secret:"yes"`
}

type shapesLeaf struct {
	A string         `hcl:"a,label"`
	B string         `hcl:"b,label"`
	C modules.Secret `hcl:"c,optional"`
}

func fakes() []modules.Module {
	keep := func(args any, env modules.Env) (modules.Step, error) { return &fakeStep{Args: args, Env: env}, nil }
	return []modules.Module{
		modules.Primitive("unit", "", func(a unitArgs, env modules.Env) (modules.Step, error) { return keep(a, env) }),
		modules.Primitive("shapes", "", func(a shapesArgs, env modules.Env) (modules.Step, error) { return keep(a, env) }),
		modules.Primitive("task", "", func(a taskArgs, env modules.Env) (modules.Step, error) { return keep(a, env) }),
		modules.Product("database", "", func(a databaseArgs, env modules.Env) ([]modules.Part, databaseOutputs, error) {
			if a.Version == "0" {
				return nil, databaseOutputs{}, fmt.Errorf("there never was a version 0")
			}
			o := databaseOutputs{URL: fmt.Sprintf("db://:%s@%s", string(a.Password), env.Peers[0].Address), Data: "/var/lib/" + env.Label}
			if env.Facts != nil {
				name := "database-" + env.Facts.Arch
				o.Package = &name
			}
			return []modules.Part{
				{Name: "package", Step: &fakeStep{Args: a, Env: env, Part: "package"}},
				{Name: "service", Step: &fakeStep{Args: a, Env: env, Part: "service"}},
			}, o, nil
		}),
	}
}
