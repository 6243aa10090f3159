package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

func (a *app) initCommand() *cobra.Command {
	list := false
	command := &cobra.Command{
		Use:     "init [PLAN [DIR]]",
		GroupID: groupPlans,
		Short:   "Write a plan to start from, with its libraries",
		Long: "Write one of the plans that rcprov brings to a directory, the current one unless another is named, with the libraries and\n" +
			"files that it uses. The plan is yours from then on. A file that is there already is never replaced.\n\n" +
			"Without a name, ask three questions at a terminal and write a first plan of your own, plan.hcl; elsewhere, list the\n" +
			"plans." + exitHelp,
		Example: "  rcprov init\n  rcprov init prod\n  rcprov init inventory/csv fleet",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return errors.New("name one plan, and at most one directory")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			switch len(args) {
			case 0:
				return a.planNames(), cobra.ShellCompDirectiveNoFileComp
			case 1:
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				if person := a.reader(); person != nil && !list && !a.json {
					return a.firstPlan(cmd.Context(), person)
				}
				return a.listPlans()
			case 1:
				return a.initPlan(args[0], ".")
			}
			return a.initPlan(args[0], args[1])
		},
	}
	command.Flags().BoolVar(&list, "list", false, "list the plans that rcprov brings")
	return command
}

// planNames returns the names of the binary's own plans: their files without ".hcl". Libraries are none.
func (a *app) planNames() []string {
	var names []string
	_ = fs.WalkDir(a.Plans, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name == "lib":
			return fs.SkipDir
		case !entry.IsDir() && path.Ext(name) == ".hcl":
			names = append(names, strings.TrimSuffix(name, ".hcl"))
		}
		return nil
	}) // what is embedded can be read
	return names
}

func (a *app) listPlans() error {
	names := a.planNames()
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		text, err := fs.ReadFile(a.Plans, name+".hcl")
		if err != nil {
			return err
		}
		about := plan.Heading(text)
		if a.json {
			if err := json.NewEncoder(a.Stdout).Encode(struct {
				Version int    `json:"version"`
				Type    string `json:"type"`
				Name    string `json:"name"`
				About   string `json:"about"`
			}{1, "plan", name, about}); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(a.Stdout, "%-*s  %s\n", width, name, about); err != nil {
			return err
		}
	}
	if a.json {
		return nil
	}
	_, err := fmt.Fprintf(a.Stdout, "\nWrite one of them here: `rcprov init %s`.\n", names[len(names)-1])
	return err
}

func (a *app) initPlan(name, dir string) error {
	name = strings.TrimSuffix(filepath.ToSlash(name), ".hcl")
	if names := a.planNames(); !slices.Contains(names, name) {
		hint := "`rcprov init --list` lists all plans."
		near := nearest(name, names)
		if i := slices.IndexFunc(names, func(n string) bool { return path.Base(n) == name }); i >= 0 {
			near = names[i]
		}
		if near != "" {
			hint = fmt.Sprintf("Did you mean %q? %s", near, hint)
		}
		return modules.WithHint(fmt.Errorf("there is no plan %q", name), "%s", hint)
	}
	files, err := plan.Needs(a.Plans, name+".hcl")
	if err != nil {
		return err
	}
	// All or nothing: half a plan is worse than none.
	var missing []string
	for _, file := range files {
		want, err := a.planText(file)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(file))
		is, err := os.ReadFile(target)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, file)
		case err != nil:
			return err
		case !bytes.Equal(is, want):
			return modules.WithHint(fmt.Errorf("%s is there already, and is not what would be written", target),
				"Nothing was written. Name another directory: `rcprov init %s DIR`.", name)
		}
	}
	for _, file := range missing {
		if err := a.writeNew(file, filepath.Join(dir, filepath.FromSlash(file))); err != nil {
			return err
		}
	}
	return a.showWritten(filepath.Join(dir, filepath.FromSlash(name)+".hcl"), dir, missing)
}

// planText is a file that rcprov brings, as it is written for people: a plan's first lines show commands for where it lies then.
func (a *app) planText(file string) ([]byte, error) {
	text, err := fs.ReadFile(a.Plans, file)
	return bytes.ReplaceAll(text, []byte("plans/"+file), []byte(path.Base(file))), err
}

func (a *app) writeNew(file, target string) error {
	text, err := a.planText(file)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (a *app) showWritten(target, dir string, files []string) error {
	written := []string{} // not null in JSON
	for _, file := range files {
		written = append(written, filepath.Join(dir, filepath.FromSlash(file)))
	}
	if a.json {
		return json.NewEncoder(a.Stdout).Encode(struct {
			Version int      `json:"version"`
			Type    string   `json:"type"`
			Plan    string   `json:"plan"`
			Written []string `json:"written"`
		}{1, "written", target, written})
	}
	for _, file := range written {
		if _, err := fmt.Fprintf(a.Stdout, "wrote %s\n", file); err != nil {
			return err
		}
	}
	if len(written) == 0 {
		_, err := fmt.Fprintf(a.Stdout, "%s is there already.\n", target)
		return err
	}
	_, err := fmt.Fprintf(a.Stdout, "\nIts first lines say what it does and which values it needs. Then: `rcprov validate %s`.\n", target)
	return err
}
