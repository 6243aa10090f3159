package modules_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
)

type blockArgs struct {
	Label  string         `hcl:"label,label"`
	Policy string         `hcl:"policy,optional" default:"allow"`
	Secret modules.Secret `hcl:"secret,optional" default:"none"`
}

type defaultsArgs struct {
	Name    string      `hcl:"name"`
	State   string      `hcl:"state,optional" default:"present"`
	Port    int         `hcl:"port,optional" default:"27017"`
	Ratio   float64     `hcl:"ratio,optional" default:"0.5"`
	Pointer *int        `hcl:"pointer,optional" default:"3"`
	Flag    bool        `hcl:"flag,optional" default:"true"`
	Many    []blockArgs `hcl:"many,block"`
	One     *blockArgs  `hcl:"one,block"`
	None    *blockArgs  `hcl:"none,block"`
	Must    blockArgs   `hcl:"must,block"`
	inner   string      `default:"nothing to do with a plan"`
}

// String makes use of the field that Defaults must leave alone.
func (a defaultsArgs) String() string { return a.inner }

func TestDefaults(t *testing.T) {
	t.Parallel()
	three, four := 3, 4
	empty := blockArgs{Policy: "allow", Secret: "none"}
	for _, test := range []struct {
		name       string
		args, want defaultsArgs
	}{
		{name: "nothing given", want: defaultsArgs{State: "present", Port: 27017, Ratio: 0.5, Pointer: &three, Must: empty}},
		{
			name: "all given",
			args: defaultsArgs{
				Name: "x", State: "absent", Port: 1, Ratio: 2, Pointer: &four, Flag: true, Must: blockArgs{Policy: "deny", Secret: "hunter2"},
			},
			want: defaultsArgs{
				Name: "x", State: "absent", Port: 1, Ratio: 2, Pointer: &four, Flag: true, Must: blockArgs{Policy: "deny", Secret: "hunter2"},
			},
		},
		{
			name: "blocks",
			args: defaultsArgs{Many: []blockArgs{{Label: "a"}, {Policy: "deny"}}, One: &blockArgs{Secret: "hunter2"}},
			want: defaultsArgs{
				State: "present", Port: 27017, Ratio: 0.5, Pointer: &three, Must: empty,
				Many: []blockArgs{{Label: "a", Policy: "allow", Secret: "none"}, {Policy: "deny", Secret: "none"}},
				One:  &blockArgs{Policy: "allow", Secret: "hunter2"},
			},
		},
	} {
		modules.Defaults(&test.args)
		if diff := cmp.Diff(test.want, test.args, cmp.AllowUnexported(defaultsArgs{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestDefaultsPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, `default:"many"`) {
			t.Errorf("panic %q", text)
		}
	}()
	modules.Defaults(&struct {
		Port int `hcl:"port,optional" default:"many"`
	}{})
}
