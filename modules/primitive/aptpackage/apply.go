package aptpackage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/internal/upload"
	"github.com/rcprov/rcprov/modules/observe"
)

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	return s.ApplyBatch(ctx, h, []modules.Task{{Step: s, Change: c}})
}

// ApplyBatch implements [modules.Batcher]: one transaction for consecutive steps of the same mode.
func (s *Step) ApplyBatch(ctx context.Context, h modules.Host, tasks []modules.Task) error {
	if slices.ContainsFunc(tasks, func(t modules.Task) bool { return t.Change.Work.(work).Repair != nil }) {
		err := repair(ctx, h)
		// What can't be configured may be what is to be removed.
		if i := slices.IndexFunc(tasks, removesBroken); i >= 0 && err != nil {
			if err := transactions(tasks[i : i+1])[0].apply(ctx, h); err != nil {
				return err
			}
			tasks = slices.Delete(slices.Clone(tasks), i, i+1)
			err = repair(ctx, h)
		}
		if err != nil {
			return err
		}
	}
	for _, t := range transactions(tasks) {
		if err := t.apply(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

func repair(ctx context.Context, h modules.Host) error {
	if err := apt.Repair(ctx, h); err != nil {
		return modules.WithHint(fmt.Errorf("repair the interrupted dpkg: %w", err),
			"`dpkg --audit` on the host says what is wrong with which package.")
	}
	return nil
}

// removesBroken reports whether a task removes a package that is not fully installed.
func removesBroken(t modules.Task) bool {
	return t.Step.(*Step).Absent && slices.ContainsFunc(t.Change.Work.(work).Packages, func(p packageWork) bool { return p.Seen.Broken })
}

// A transaction is what one call of apt-get does.
type transaction struct {
	mode     mode
	packages []Package // to be installed or removed
	create   []string  // those of them that the host doesn't have
	hold     []string
	unhold   []string
	manual   []string
	listAge  time.Duration
	debs     []*deb            // packages that are files
	remove   []string          // files to remove afterwards
	origins  map[string]string // where packages must be from, by name
	words    map[string]string // what apt-get is given for a package, by name; without one: [Package.word]
	warnings []string          // of apt-get update: sources of which it goes on with the previous lists
}

// mode is what can't differ within one call of apt-get.
type mode struct{ absent, purge, recommends, downgrade bool }

// transactions collects the work of tasks.
func transactions(tasks []modules.Task) []*transaction {
	var all []*transaction
	for _, task := range tasks {
		step := task.Step.(*Step)
		m := mode{step.Absent, step.Purge, step.Recommends, step.Downgrade}
		if len(all) == 0 || all[len(all)-1].mode != m {
			all = append(all, &transaction{mode: m, listAge: step.ListAge, origins: make(map[string]string), words: make(map[string]string)})
		}
		all[len(all)-1].add(step, task.Change.Work.(work))
	}
	return all
}

func (t *transaction) add(step *Step, w work) {
	t.listAge = min(t.listAge, step.ListAge)
	if w.installs() {
		// The lists may be fetched first, and bring a newer version of what was the latest.
		for _, p := range step.Packages {
			if p.Version == latest && !slices.Contains(t.packages, p) {
				t.packages = append(t.packages, p)
			}
		}
		if step.deb != nil {
			t.debs = append(t.debs, step.deb)
		}
	}
	for _, p := range w.Packages {
		if p.Action != "" && step.Origin != "" {
			t.origins[p.Name] = step.Origin
		}
		if p.Action != "" && !slices.Contains(t.packages, p.Package) {
			t.packages = append(t.packages, p.Package)
		}
		if p.Action == modules.Create {
			t.create = append(t.create, p.Name)
		}
		if p.Manual {
			t.manual = append(t.manual, p.Name)
		}
		switch {
		case p.Held == nil:
		case *p.Held:
			t.hold = append(t.hold, p.Name)
		default:
			t.unhold = append(t.unhold, p.Name)
		}
	}
}

func (t *transaction) apply(ctx context.Context, h modules.Host) error {
	if len(t.packages)+len(t.hold)+len(t.unhold)+len(t.manual) == 0 {
		return nil // only dpkg was to be repaired
	}
	if len(t.packages) == 0 {
		return apt.Transaction{Hold: t.hold, Unhold: t.unhold, Manual: t.manual}.Run(ctx, h)
	}
	return t.bring(ctx, h, t.debs, func() error { return t.run(ctx, h) })
}

// bring calls then when all packages that are files are on the host.
func (t *transaction) bring(ctx context.Context, h modules.Host, debs []*deb, then func() error) error {
	if len(debs) == 0 {
		return then()
	}
	d := debs[0]
	if d.Source == "" {
		t.words[d.Package] = d.File
		return t.bring(ctx, h, debs[1:], then)
	}
	modules.Progress(ctx, "uploading %s", d.Source)
	return upload.For(ctx, h, "package "+d.Package+".deb", d.Content, func(file string) error {
		t.words[d.Package] = file
		t.remove = append(t.remove, file)
		return t.bring(ctx, h, debs[1:], then)
	})
}

// run installs or removes packages.
func (t *transaction) run(ctx context.Context, h modules.Host) error {
	updated, updateErr, err := t.update(ctx, h)
	if err != nil {
		return err
	}
	switch {
	case updateErr != nil:
		modules.Progress(ctx, "going on with apt's previous lists: %v", updateErr)
	case len(t.warnings) > 0:
		modules.Progress(ctx, "going on with apt's previous lists: %s", strings.Join(t.warnings, "; "))
	}
	if err := t.pin(ctx, h); err != nil {
		return err
	}
	args := t.args()
	plain, err := t.plain(ctx, h)
	if err != nil {
		return err
	}
	if !plain {
		simulation, fetched, err := t.simulate(ctx, h, args, updated, updateErr)
		if err != nil {
			return err
		}
		updated = updated || fetched
		if args, err = t.permit(ctx, h, args, simulation); err != nil {
			return err
		}
	}
	run := apt.Transaction{Args: args, Remove: t.remove, Hold: t.hold, Unhold: t.unhold, Manual: t.manual, Names: t.installed()}
	err = run.Run(ctx, h)
	var failed *apt.Error
	if errors.As(err, &failed) && (failed.Contains("Failed to fetch") || failed.Unknown()) && !updated {
		// Usually the repository has newer packages than the lists.
		modules.Progress(ctx, "fetching apt's package lists, which are out of date")
		if t.warnings, err = apt.Update(ctx, h); err != nil {
			return err
		}
		err = run.Run(ctx, h)
	}
	if err == nil {
		return nil
	}
	var advised *modules.HintError
	if err = t.explain(err); errors.As(err, &advised) {
		return err
	}
	return modules.WithHint(err, "What was installed before the error stays; run the same command again to continue.")
}

// installed returns the names of what is installed.
func (t *transaction) installed() []string {
	if t.mode.absent {
		return nil
	}
	names := make([]string, len(t.packages))
	for i, p := range t.packages {
		names[i] = p.Name
	}
	return names
}

// pin chooses the versions of packages that must be from a repository, by the lists as they are now.
func (t *transaction) pin(ctx context.Context, h modules.Host) error {
	if len(t.origins) == 0 {
		return nil
	}
	var questions []apt.PolicyQuestion
	for _, name := range slices.Sorted(maps.Keys(t.origins)) {
		questions = append(questions, apt.PolicyQuestion{Name: name, Origins: true})
	}
	r, err := h.Run(ctx, modules.Command{Script: apt.Policies.Script(questions), Env: []string{"LC_ALL=C"}})
	if err != nil {
		return fmt.Errorf("ask apt for the versions of packages: %w", err)
	}
	answers := apt.Policies.Parse(questions, observe.Reply{Stdout: r.Stdout})
	var errs []error
	for _, q := range questions {
		i := slices.IndexFunc(t.packages, func(p Package) bool { return p.Name == q.Name })
		version := answers[q].Value.Newest(t.origins[q.Name], t.packages[i].matches)
		if version == "" {
			errs = append(errs, errNoVersion(t.packages[i], t.origins[q.Name]))
		}
		t.words[q.Name] = q.Name + "=" + version
	}
	return errors.Join(errs...)
}

// permit returns an error if the simulation does more than the plan says, else args with the options that it needs.
func (t *transaction) permit(ctx context.Context, h modules.Host, args []string, s apt.Simulation) ([]string, error) {
	if err := t.checkVirtual(ctx, h, s); err != nil {
		return nil, err
	}
	held, err := t.check(s)
	if err != nil {
		return nil, err
	}
	if len(held) > 0 {
		args = append([]string{"--allow-change-held-packages"}, args...)
	}
	for _, name := range held {
		// apt-get drops the hold of a package that it changes.
		if !t.mode.absent && !slices.Contains(t.unhold, name) && !slices.Contains(t.hold, name) {
			t.hold = append(t.hold, name)
		}
	}
	modules.Progress(ctx, "apt-get: %d to install, %d to remove", len(s.Install), len(s.Remove))
	return args, nil
}

// update fetches the package lists if they are too old. If they can't be fetched, the old ones may still do, so apt's own
// failure is not returned as err.
func (t *transaction) update(ctx context.Context, h modules.Host) (updated bool, failure, err error) {
	if t.mode.absent {
		return false, nil, nil
	}
	updated, t.warnings, err = apt.UpdateIfOlder(ctx, h, t.listAge)
	var failed *apt.Error
	if errors.As(err, &failed) {
		return updated, err, nil
	}
	return updated, nil, err
}

// plain reports whether no simulation is needed: the names are those of real packages, which apt installs, and it may
// neither remove another package (--no-remove) nor change one on hold, as there is none. A simulation costs as much time as
// apt needs to resolve all dependencies, which the installation does again.
func (t *transaction) plain(ctx context.Context, h modules.Host) (bool, error) {
	if t.mode.absent || len(t.debs) > 0 {
		return false, nil
	}
	return apt.Plain(ctx, h, t.installed())
}

// simulate asks apt-get what it would do. If the package lists lack a package it fetches them first, and returns whether it
// did; updateErr is why they could not be fetched before.
func (t *transaction) simulate(ctx context.Context, h modules.Host, args []string, updated bool, updateErr error) (s apt.Simulation, fetched bool, err error) {
	s, err = apt.Simulate(ctx, h, args...)
	var failed *apt.Error
	if errors.As(err, &failed) && failed.Unknown() && !updated && !t.mode.absent {
		modules.Progress(ctx, "fetching apt's package lists, which don't know all packages")
		fetched = true
		t.warnings, updateErr = apt.Update(ctx, h)
		if updateErr != nil && !errors.As(updateErr, &failed) {
			return s, fetched, updateErr
		}
		s, err = apt.Simulate(ctx, h, args...)
	}
	if err != nil && updateErr != nil {
		err = fmt.Errorf("%w\nand fetching the package lists failed: %w", err, updateErr)
	}
	return s, fetched, t.explain(err)
}

// args are those of apt-get.
func (t *transaction) args() []string {
	var args []string
	switch {
	case t.mode.purge:
		args = []string{"purge"}
	case t.mode.absent:
		args = []string{"remove"}
	default:
		args = []string{"--no-remove", "--no-install-recommends"}
		if t.mode.recommends {
			args[1] = "--install-recommends"
		}
		if t.mode.downgrade {
			args = append(args, "--allow-downgrades")
		}
		args = append(args, "install")
	}
	for _, p := range t.packages {
		args = append(args, cmp.Or(t.words[p.Name], p.word()))
	}
	return args
}

// check returns an error if apt-get would do more than the plan says: remove other packages, change other held packages, or
// install packages to replace those that are removed (apt 3 does so). It returns the held packages that will be changed.
func (t *transaction) check(s apt.Simulation) (held []string, err error) {
	ours := func(name string) bool {
		return slices.ContainsFunc(t.packages, func(p Package) bool {
			plain, _, _ := strings.Cut(p.Name, ":")
			return name == p.Name || name == plain
		})
	}
	var removed, changed []string
	for _, name := range s.Remove {
		if !ours(name) {
			removed = append(removed, name)
		}
	}
	for _, name := range slices.Concat(s.Install, s.Remove) {
		switch {
		case !slices.Contains(s.Held, name):
		case ours(name):
			held = append(held, name)
		default:
			changed = append(changed, name)
		}
	}
	switch {
	case len(removed) > 0:
		return nil, modules.WithHint(fmt.Errorf("apt-get would also remove %s", strings.Join(removed, ", ")),
			"If they may be removed, add them to the packages of this step.")
	case t.mode.absent && len(s.Install) > 0:
		return nil, modules.WithHint(fmt.Errorf("apt-get would install %s to replace what is removed", strings.Join(s.Install, ", ")),
			"Other packages depend on what is removed; install a replacement in an earlier step.")
	case len(changed) > 0:
		return nil, modules.WithHint(fmt.Errorf("apt-get would also change %s, on hold on the host", strings.Join(changed, ", ")),
			"List them in this step, or release the hold: `apt-mark unhold %s`.", strings.Join(changed, " "))
	}
	return held, nil
}

// checkVirtual refuses a virtual package with one provider: apt-get would silently install that one.
func (t *transaction) checkVirtual(ctx context.Context, h modules.Host, s apt.Simulation) error {
	for _, name := range t.create {
		plain, _, _ := strings.Cut(name, ":")
		if slices.Contains(s.Install, name) || slices.Contains(s.Install, plain) {
			continue
		}
		r, err := h.Run(ctx, modules.Command{Argv: []string{"dpkg-query", "-W", "-f=${db:Status-Status}", "--", name}})
		if err == nil && string(r.Stdout) == "installed" {
			continue // another program has installed it meanwhile
		}
		var unknown *modules.CommandError
		if err != nil && !errors.As(err, &unknown) {
			return err
		}
		return modules.WithHint(fmt.Errorf("%q is a virtual package: apt-get would install another package in its place", name),
			"Name a real package; `apt-cache showpkg %s` on the host lists them at the end.", name)
	}
	return nil
}

// explain adds hints to errors of apt-get, and why it may not have known better.
func (t *transaction) explain(err error) error {
	var failed *apt.Error
	if !errors.As(err, &failed) {
		return err
	}
	if len(t.warnings) > 0 && (failed.Unknown() || failed.Contains("Failed to fetch")) {
		return modules.WithHint(fmt.Errorf("%w\nand apt-get update warned: %s", err, strings.Join(t.warnings, "\n")),
			"apt goes on with the previous lists of what it could not fetch or verify. Correct that first; `apt-get update` on the host shows it.")
	}
	switch {
	case failed.Contradiction():
		return modules.WithHint(err, "Two files of /etc/apt/sources.list.d, or lines of /etc/apt/sources.list, name the same repository with different keys, "+
			"so that apt reads no source at all. Remove one of them.")
	case failed.Broken():
		packages, missing := failed.Lacks()
		if len(missing) == 0 {
			return modules.WithHint(err, "Packages on the host lack what they depend on, and apt-get does nothing else before they have it. `apt-get check` on the host names them.")
		}
		return modules.WithHint(fmt.Errorf("%s on the host lacks what it depends on: %w", strings.Join(packages, ", "), err),
			"`apt-get install %s` on the host installs that; then run the same command again. (`apt-get -f install` fails while packages are on hold.)", strings.Join(missing, " "))
	case failed.Contains("is a virtual package provided by"):
		return modules.WithHint(err, "Name one of the real packages.")
	case failed.Contains("' was not found"):
		return modules.WithHint(err, "`apt-cache madison NAME` on the host lists the versions that its repositories have.")
	case failed.Unknown():
		return modules.WithHint(err, "Check the name with `apt-cache policy NAME` on the host, or add the repository that has it in an earlier step (`apt_repository`).")
	case failed.Contains("without --allow-downgrades"):
		return modules.WithHint(err, "The host has a newer version. Set `allow_downgrade = true` to install the older one.")
	case failed.Contains("remove is disabled"):
		return modules.WithHint(fmt.Errorf("apt-get would also remove %s", removals(failed)), "The installation conflicts with other packages. If they may be removed, do so in an earlier step with `state = \"absent\"`.")
	case failed.Contains("unmet dependencies"):
		return modules.WithHint(err, "`apt-get -s install NAME` on the host shows the conflict.")
	}
	return err
}

// removals returns the packages that apt-get was not allowed to remove.
func removals(e *apt.Error) string {
	var names []string
	_, rest, _ := strings.Cut(strings.Join(e.Lines, "\n"), "The following packages will be REMOVED:\n")
	for line := range strings.Lines(rest) {
		if strings.Contains(line, "remove is disabled") {
			break
		}
		names = append(names, strings.Fields(line)...)
	}
	return strings.Join(names, ", ")
}
