package sysctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/shell"
)

// switchName is the name of the dead man's switch on the host.
const switchName = "sysctl"

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	return s.ApplyBatch(ctx, h, []modules.Task{{Step: s, Change: c}})
}

// ApplyBatch implements [modules.Batcher]: one new login confirms all parameters of the network.
func (s *Step) ApplyBatch(ctx context.Context, h modules.Host, tasks []modules.Task) error {
	var b batch
	for _, w := range tasks {
		b.add(w.Step.(*Step), w.Change.Work.(work))
	}
	var result modules.Result
	var err error
	if b.network {
		result, err = deadman.Change(ctx, h, deadman.Switch{
			Name: switchName, Files: b.files, Within: b.within, Save: b.save(), Apply: b.apply(), Reload: b.reload(),
			Hint: "One of these values blocks new connections to this host: " + strings.Join(b.names(), ", ") + ".",
		})
	} else {
		result, err = h.Run(ctx, modules.Command{Script: b.apply()})
	}
	return b.explain(err, result)
}

// batch collects the work of several steps.
type batch struct {
	steps   []*Step // those whose value is set
	files   []string
	network bool
	within  time.Duration // the longest of the steps
	script  strings.Builder
}

// add appends the work of a step. The value comes first: one that the kernel refuses is not written to a file.
func (b *batch) add(s *Step, w work) {
	call := func(words ...string) { b.script.WriteString(shell.QuoteAll(words) + "\n") }
	if w.Value != nil {
		call("set_value", strconv.Itoa(len(b.steps)), s.Path, w.Value.New)
		b.steps = append(b.steps, s)
		if s.network() {
			b.network, b.within = true, max(b.within, s.Within)
		}
	}
	if w.File != nil {
		b.files = append(b.files, w.File.Path)
		if w.File.Action == modules.Remove {
			call("rm", "-f", "--", w.File.Path)
		} else {
			call("put", w.File.Path, w.File.New)
		}
	}
}

// applyScript defines how a parameter is set. tee, unlike the shell, prints why the kernel refuses a value.
const applyScript = `
set_value() {
	printf '%s\n' "$3" | tee -- "/proc/sys/$2" >/dev/null || { echo "rcprov-refused $1" >&2; exit 1; }
}
`

func (b *batch) apply() string { return deadman.Put + applyScript + b.script.String() }

// save saves the previous values; some can't be read.
func (b *batch) save() string {
	var script strings.Builder
	for i, s := range b.steps {
		fmt.Fprintf(&script, "cat -- %s >value%d 2>/dev/null || rm -f value%[2]d\n", shell.Quote("/proc/sys/"+s.Path), i)
	}
	return script.String()
}

// reload restores them, the last one first: some parameters also set others.
func (b *batch) reload() string {
	var script strings.Builder
	for i, s := range slices.Backward(b.steps) {
		fmt.Fprintf(&script, "[ ! -e value%[1]d ] || cat value%[1]d >%s\n", i, shell.Quote("/proc/sys/"+s.Path))
	}
	return script.String()
}

func (b *batch) names() []string {
	names := make([]string, len(b.steps))
	for i, s := range b.steps {
		names[i] = fmt.Sprintf("%s = %s", s.name(), s.Value)
	}
	return names
}

// explain returns which parameter was refused, and why.
func (b *batch) explain(err error, result modules.Result) error {
	var failed *modules.CommandError
	if err == nil || !errors.As(err, &failed) {
		return err
	}
	said, rest, refused := strings.Cut(string(result.Stderr), "rcprov-refused ")
	number, _, _ := strings.Cut(rest, "\n")
	i, numberErr := strconv.Atoi(number)
	if !refused || numberErr != nil || i >= len(b.steps) {
		return modules.FileHint(err, "/etc/sysctl.d")
	}
	s := b.steps[i]
	text := strings.Replace(err.Error(), failed.Error(), modules.LastLine([]byte(said)), 1) // err also says what became of the others
	err = fmt.Errorf("set %s to %q: %s", s.name(), s.Value, text)
	switch {
	case strings.Contains(said, "No such file or directory"):
		return modules.WithHint(err, "The kernel has no parameter %s: correct the name (`sysctl -a` lists all), or load the module that provides it in an earlier step (`modprobe`).", s.name())
	case strings.Contains(said, "Read-only file system"), strings.Contains(said, "Permission denied"), strings.Contains(said, "Operation not permitted"):
		return modules.WithHint(err, "The parameter can't be changed here. In a container many parameters belong to the machine that runs it: set it there, or leave the step out for this host.")
	case strings.Contains(said, "Invalid argument"):
		return modules.WithHint(err, "The kernel does not accept this value: see `man 5 proc` or the kernel's documentation for %s.", s.name())
	}
	return err
}
