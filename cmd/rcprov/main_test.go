package main

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the actual output into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rcprov": main})
}

// TestScripts runs testdata/*.txtar, each with the real main in a process of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	plans, err := filepath.Abs("../../plans")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PLANS", plans)
			return nil
		},
	})
}
