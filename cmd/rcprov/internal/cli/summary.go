package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules"
)

func (a *app) summaryCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "summary FILE...",
		GroupID: groupPlans,
		Short:   "Sum up runs by their --json lines",
		Long: "Read what runs of plan or apply printed with --json, and show what they did, the exceptions first: which hosts failed and\n" +
			"why, which are not done, what changed on how many. Of a host that is in several runs, the latest in the order of the files\n" +
			"counts, so what `--limit @FILE` did later goes behind the first run. - is standard input.\n\n" +
			"Exit status: 1 if a host failed or is not done, 2 if a plan would change something, otherwise 0.",
		Example: "  rcprov apply site.hcl --json >last.json; rcprov summary last.json\n" +
			"  rcprov apply site.hcl --json --limit @last.json >>last.json\n" +
			"  rcprov summary shard-*.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name the files with what --json printed")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var results report.Results
			for _, name := range args {
				if err := readResults(&results, name, a.Stdin); err != nil {
					return err
				}
			}
			if results.Runs == 0 && len(results.Problems) == 0 {
				return modules.WithHint(fmt.Errorf("there is no run in %s", strings.Join(args, ", ")), "Save one: `rcprov apply PLAN --json >FILE`.")
			}
			if err := a.showResults(&results); err != nil {
				return err
			}
			switch {
			case len(results.Open())+len(results.Problems) > 0:
				return exit(exitError)
			case slices.ContainsFunc(results.Hosts, func(h report.HostResult) bool { return h.Outcome == report.Changed && h.Mode == engine.Plan }):
				return exit(exitChanges)
			}
			return nil
		},
	}
}

// readResults adds the --json lines of a file; stdin is that of the name "-", if it has this meaning.
func readResults(results *report.Results, name string, stdin io.Reader) error {
	from := stdin
	if name != "-" || stdin == nil {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	if err := results.Read(from); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// resultGroup is what several hosts have in common.
type resultGroup struct {
	Text  string   `json:"text"`
	Hint  string   `json:"hint,omitempty"`
	Hosts []string `json:"hosts"`
}

// resultGroups puts hosts together by the texts that of returns of each, those of most hosts first.
func resultGroups(hosts []report.HostResult, of func(report.HostResult) []string) []resultGroup {
	index := make(map[string]int)
	groups := []resultGroup{}
	for _, h := range hosts {
		for _, text := range of(h) {
			i, ok := index[text]
			if !ok {
				i = len(groups)
				index[text] = i
				groups = append(groups, resultGroup{Text: text})
				if text == h.Problem {
					groups[i].Hint = h.Hint
				}
			}
			groups[i].Hosts = append(groups[i].Hosts, h.Host)
		}
	}
	slices.SortStableFunc(groups, func(x, y resultGroup) int { return len(y.Hosts) - len(x.Hosts) })
	return groups
}

func (a *app) showResults(r *report.Results) error {
	failed := resultGroups(r.Hosts, func(h report.HostResult) []string {
		if h.Outcome != report.Failed {
			return nil
		}
		return []string{h.Problem}
	})
	changed := resultGroups(r.Hosts, func(h report.HostResult) []string {
		slices.Sort(h.Steps)
		return slices.Compact(h.Steps)
	})
	unfinished := r.Names(report.Unfinished)
	if a.json {
		text, err := json.Marshal(struct {
			Version    int            `json:"version"`
			Type       string         `json:"type"`
			Runs       int            `json:"runs"`
			Plans      []string       `json:"plans"`
			Counts     map[string]int `json:"counts"` // hosts by how they ended
			Problems   []string       `json:"problems,omitempty"`
			Failed     []resultGroup  `json:"failed"`
			Unfinished []string       `json:"unfinished"`
			Changed    []resultGroup  `json:"changed"`
		}{
			1, "summary", r.Runs, r.Plans, map[string]int{
				"unchanged": len(r.Names(report.Unchanged)), "changed": len(r.Names(report.Changed)),
				"failed": len(r.Names(report.Failed)), "unfinished": len(unfinished),
			}, r.Problems, failed, append([]string{}, unfinished...), changed,
		})
		if err != nil {
			return err
		}
		_, err = a.Stdout.Write(visible.JSON(append(text, '\n')))
		return err
	}
	var b strings.Builder
	for _, problem := range r.Problems {
		fmt.Fprintf(&b, "error: %s\n", problem)
	}
	if len(failed) > 0 {
		b.WriteString("Failed:\n")
	}
	for _, g := range failed {
		fmt.Fprintf(&b, "  %s\n    on %s\n", g.Text, hostList(g.Hosts))
		if g.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", g.Hint)
		}
	}
	if len(unfinished) > 0 {
		fmt.Fprintf(&b, "Not done:\n  %s\n", hostList(unfinished))
	}
	will := "Changed"
	if slices.Equal(r.Modes, []engine.Mode{engine.Plan}) {
		will = "Would change"
	}
	if len(changed) > 0 {
		fmt.Fprintf(&b, "%s:\n", will)
	}
	for _, g := range changed {
		fmt.Fprintf(&b, "  %s\n    on %s\n", g.Text, hostList(g.Hosts))
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	if r.Runs == 0 {
		b.WriteString("No host was looked at.\n")
		_, err := io.WriteString(a.Stdout, visible.Text(b.String()))
		return err
	}
	fmt.Fprintf(&b, "%s in %s of %s: %d failed, %d not done, %d %s, %d up to date\n", modules.Counted(len(r.Hosts), "host"), modules.Counted(r.Runs, "run"), strings.Join(r.Plans, ", "),
		len(r.Names(report.Failed)), len(unfinished), len(r.Names(report.Changed)), strings.ToLower(will), len(r.Names(report.Unchanged)))
	_, err := io.WriteString(a.Stdout, visible.Text(b.String()))
	return err
}

// hostList names hosts, the first of many, and how many they are.
func hostList(hosts []string) string {
	if len(hosts) == 1 {
		return hosts[0]
	}
	return fmt.Sprintf("%d hosts: %s", len(hosts), someOf(hosts))
}
