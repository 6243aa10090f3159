// Command pages writes what a package of rcprov installs beside the program: man pages and completion scripts.
//
//	go run ./cmd/rcprov/internal/pages -version 1.2.3 -date 2026-11-30 DIR
//
// The pages of section 1 are made from the commands, those of section 7 from what `rcprov doc` prints. DIR gets man/man1/*.1.gz,
// man/man7/*.7.gz, and completions/rcprov.bash, _rcprov (zsh) and rcprov.fish. The same version and date give the same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/cli"
	"github.com/rcprov/rcprov/modules/all"
	"github.com/rcprov/rcprov/plans"
	"github.com/rcprov/rcprov/templates"
)

func main() {
	var of edition
	flag.StringVar(&of.version, "version", "", "the version of rcprov, without v")
	flag.StringVar(&of.date, "date", "", "its date, as 2026-11-30")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: pages [-version VERSION] [-date DATE] DIR")
		os.Exit(2)
	}
	if err := write(flag.Arg(0), of); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

// write replaces dir by all pages and scripts.
func write(dir string, of edition) error {
	deps := cli.Deps{Modules: all.Modules(), Templates: templates.FS, Plans: plans.FS, Stdout: io.Discard, Stderr: io.Discard, Now: time.Now}
	texts, err := pages(cli.New(deps), deps.Modules, of)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for name, text := range texts {
		var packed bytes.Buffer
		// As `gzip -n -9` does: without a name and a time, which would differ each time.
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is valid
		_, err := w.Write(text)
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
		section := name[len(name)-1:]
		files[filepath.Join("man", "man"+section, name+".gz")] = packed.Bytes()
	}
	for shell, name := range map[string]string{"bash": "rcprov.bash", "zsh": "_rcprov", "fish": "rcprov.fish"} {
		script, err := completion(deps, shell)
		if err != nil {
			return err
		}
		files[filepath.Join("completions", name)] = script
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// completion returns what `rcprov completion SHELL` prints.
func completion(deps cli.Deps, shell string) ([]byte, error) {
	var script bytes.Buffer
	deps.Stdout = &script
	root := cli.New(deps)
	root.SetArgs([]string{"completion", shell})
	err := root.Execute()
	return script.Bytes(), err
}
