package plan_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// fleet writes a plan of n hosts and a library of 24 steps that differ on each of them.
func fleet(t testing.TB, n int) (path string) {
	t.Helper()
	var steps strings.Builder
	for i := range 24 {
		fmt.Fprintf(&steps, "file \"f%d\" {\n  path    = \"${var.dir}/%d\"\n  content = \"on ${self.name}\"\n}\n", i, i)
	}
	return filepath.Join(write(t, map[string]string{
		"plan.hcl": fmt.Sprintf(`
host {
  for_each = { for n in range(%d) : "h${n}" => n }
  vars     = { mode = each.value == 7 ? "none" : "0644" }
}
play "p" {
  hosts = group.all
  include "base" {
    source = "./lib"
    dir    = "/x/${self.name}"
  }
  file "mode" {
    path    = "/mode"
    content = ""
    mode    = self.vars.mode
  }
}`, n),
		"lib/main.hcl": "variable \"dir\" { type = string }\n" + steps.String(),
	}), "plan.hcl")
}

// loadFleet loads a plan, and returns how many bytes were allocated for that.
func loadFleet(path string, limit ...string) (errs []error, bytes uint64) {
	options := plan.Options{Modules: []modules.Module{file.Module()}}
	if len(limit) > 0 {
		options.Limit = func(*plan.Plan) []string { return limit }
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, diags := plan.Load(path, options)
	runtime.ReadMemStats(&after)
	return diags.Errs(), after.TotalAlloc - before.TotalAlloc
}

// TestFleet: four times the hosts are four times the work, and of a limit only that of its hosts. It doesn't run in parallel: others
// allocate, too.
func TestFleet(t *testing.T) {
	small, large := fleet(t, 100), fleet(t, 400)
	errs, of100 := loadFleet(small)
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "not \"none\"") {
		t.Errorf("mistakes: %v", errs)
	}
	if _, of400 := loadFleet(large); of400 > 6*of100 {
		t.Errorf("100 hosts need %d bytes, 400 need %d", of100, of400)
	}
	errs, ofOne := loadFleet(large, "h2")
	if len(errs) > 0 || ofOne > of100/2 {
		t.Errorf("one of 400 hosts needs %d bytes, 100 need %d; mistakes: %v", ofOne, of100, errs)
	}
	if errs, _ = loadFleet(large, "h2", "h7"); len(errs) != 1 {
		t.Errorf("mistakes of the limit: %v", errs)
	}
}
