package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
	"github.com/rcprov/rcprov/modules"
)

// standardInput stands for a file name in messages.
const standardInput = "standard input"

// formatting is one run of fmt.
type formatting struct {
	app         *app
	check, diff bool
	changed     bool // something is, or would be, written
	wrong       bool // some file is not valid HCL
}

func (a *app) formatCommand() *cobra.Command {
	f := &formatting{app: a}
	command := &cobra.Command{
		Use:     "fmt PATH...",
		GroupID: groupPlans,
		Short:   "Format plans in the standard style",
		Long: `Format plans in the standard style: indentation and aligned equals signs. PATH is a file, a directory
(all *.hcl below it that are not hidden), or "-" to read standard input and write to standard output.
The names of changed files are printed.

Exit status: 0 on success, 1 after an error, 2 if --check found files that are not formatted.`,
		Example: "  rcprov fmt plans\n  rcprov fmt --check --diff plans/prod.hcl",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no files given: name files or directories, or \"-\" for standard input")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return f.run(args) },
	}
	command.Flags().BoolVar(&f.check, "check", false, "write nothing; exit with 2 if a file is not formatted")
	command.Flags().BoolVar(&f.diff, "diff", false, "show the changes as a diff")
	return command
}

func (f *formatting) run(paths []string) error {
	for _, path := range paths {
		if err := f.path(path); err != nil {
			return err
		}
	}
	switch {
	case f.wrong:
		return exit(exitError)
	case f.check && f.changed:
		return exit(exitChanges)
	}
	return nil
}

func (f *formatting) path(path string) error {
	if path == "-" {
		source, err := io.ReadAll(f.app.Stdin)
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		return f.source(standardInput, source, func(formatted []byte) error {
			_, err := f.app.Stdout.Write(formatted)
			return err
		})
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return modules.WithHint(fmt.Errorf("there is no %s", path), "Name a file or a directory.")
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return f.file(path)
	}
	return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(entry.Name(), "."); hidden && name != path {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() && strings.HasSuffix(name, ".hcl") {
			return f.file(name)
		}
		return nil
	})
}

func (f *formatting) file(path string) error {
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return f.source(path, source, func(formatted []byte) error {
		if bytes.Equal(source, formatted) {
			return nil
		}
		return overwrite(path, source, formatted)
	})
}

// overwrite replaces the content of a file, which is source, with text. It keeps the file itself, with its mode, owner and
// links. While it writes, a copy beside the file makes sure that source isn't lost on a full disk or when rcprov is killed.
func overwrite(path string, source, text []byte) error {
	backup, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = backup.Write(source)
	if err = errors.Join(err, backup.Close()); err != nil {
		return errors.Join(err, os.Remove(backup.Name()))
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		_ = os.WriteFile(path, source, 0o644) // checked next
		if now, readErr := os.ReadFile(path); readErr != nil || !bytes.Equal(now, source) {
			return modules.WithHint(err, "Its previous content is in %s.", backup.Name())
		}
		return errors.Join(err, os.Remove(backup.Name()))
	}
	return os.Remove(backup.Name())
}

// source formats the text of one file and hands it to write, unless files are only checked.
func (f *formatting) source(name string, source []byte, write func([]byte) error) error {
	formatted, file, diags := plan.Format(name, source)
	if diags.HasErrors() {
		f.wrong = true
		o := f.app.reportOptions()
		o.Files = map[string]*hcl.File{name: file}
		return report.Diagnostics(diags, "", o)
	}
	if !f.check {
		if err := write(formatted); err != nil {
			return err
		}
	}
	if bytes.Equal(source, formatted) {
		return nil
	}
	f.changed = true
	return f.show(name, source, formatted)
}

// show names a file that was not formatted, or shows the difference.
func (f *formatting) show(name string, source, formatted []byte) error {
	var err error
	switch {
	case name == standardInput && !f.check:
		// The formatted text itself goes to standard output.
	case f.app.json:
		err = json.NewEncoder(f.app.Stdout).Encode(struct {
			Version int    `json:"version"`
			Type    string `json:"type"`
			File    string `json:"file"`
		}{1, "formatted", name})
	case f.diff:
		_, err = io.WriteString(f.app.Stdout, udiff.Unified(name, name, string(source), string(formatted)))
	default:
		_, err = fmt.Fprintln(f.app.Stdout, name)
	}
	return err
}
