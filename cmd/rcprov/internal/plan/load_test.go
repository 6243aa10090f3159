package plan_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

var update = flag.Bool("update", false, "write the messages that there are into testdata")

// TestMistakes loads each testdata/mistakes/*.txtar and compares all that is said about it with the section "want".
// The archive's comment may set -var flags (lines "var NAME=VALUE", "varfile NAME") and the environment ("env NAME=VALUE").
func TestMistakes(t *testing.T) {
	archives, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			p, diags := plan.Load(unpack(t, archive, dir), options(archive, dir))
			got := render(t, p.Files, diags, dir)
			want := section(archive, "want")
			if *update {
				setSection(archive, "want", got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("messages differ (-want +got), -update accepts them:\n%s", diff)
			}
		})
	}
}

// options reads the comment of an archive.
func options(archive *txtar.Archive, dir string) plan.Options {
	opts := plan.Options{Modules: append(fakes(), file.Module())}
	for line := range strings.Lines(string(archive.Comment)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "var":
			opts.Vars = append(opts.Vars, rest)
		case "varfile":
			opts.VarFiles = append(opts.VarFiles, filepath.Join(dir, rest))
		case "env":
			opts.Environ = append(opts.Environ, rest)
		}
	}
	return opts
}

// unpack writes the files of an archive to dir and returns the path of the plan: the file plan.hcl, else dir.
func unpack(t *testing.T, archive *txtar.Archive, dir string) string {
	t.Helper()
	path := dir
	for _, f := range archive.Files {
		if f.Name == "want" {
			continue
		}
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if f.Name == "plan.hcl" {
			path = name
		}
	}
	return path
}

func render(t *testing.T, files map[string]*hcl.File, diags hcl.Diagnostics, dir string) string {
	t.Helper()
	var out bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&out, files, 0, false).WriteDiagnostics(diags); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%d mistakes\n", len(diags))
	text := strings.ReplaceAll(out.String(), dir+string(filepath.Separator), "")
	return strings.ReplaceAll(text, dir, "DIR")
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setSection(archive *txtar.Archive, name, text string) {
	for i, f := range archive.Files {
		if f.Name == name {
			archive.Files[i].Data = []byte(text)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
}

// load loads a plan of one file, plan.hcl, which must be right, with options that modify may change.
func load(t testing.TB, text string, modify ...func(*plan.Options)) *plan.Plan {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "plan.hcl")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	opts := plan.Options{Modules: append(fakes(), file.Module())}
	for _, f := range modify {
		f(&opts)
	}
	p, diags := plan.Load(path, opts)
	if diags.HasErrors() {
		t.Fatalf("load:\n%s", diagnostics(p.Files, diags))
	}
	return p
}

func diagnostics(files map[string]*hcl.File, diags hcl.Diagnostics) string {
	var out bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&out, files, 0, false).WriteDiagnostics(diags); err != nil {
		return err.Error()
	}
	return out.String()
}

var _ modules.Step = (*fakeStep)(nil)
