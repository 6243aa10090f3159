package locale

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module locale.
func Module() modules.Module { return modules.Primitive("locale", source, New) }

// The files, as locale-gen(8), update-locale(8) and locale.conf(5) have them.
const (
	list        = "/etc/locale.gen"
	defaults    = "/etc/default/locale"
	conf        = "/etc/locale.conf"
	definitions = "/usr/share/i18n/locales/"
)

// Step is the locales that a host should have, and the default.
type Step struct {
	Generate []entry
	Settings map[string]string // by variable
}

var (
	_ modules.Claimer  = (*Step)(nil)
	_ modules.Foreseer = (*Step)(nil)
)

// entry is a line of locale.gen(5).
type entry struct{ Name, Charset string }

func (e entry) String() string { return e.Name + " " + e.Charset }

// definition is the file that the locale is generated from.
func (e entry) definition() string {
	name, modifier, modified := strings.Cut(e.Name, "@")
	name, _, _ = strings.Cut(name, ".")
	if modified {
		name += "@" + modifier
	}
	return definitions + name
}

var (
	validName     = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2})?(\.[A-Za-z0-9-]+)?(@[a-z]+)?$`)
	validCharset  = regexp.MustCompile(`^[A-Z0-9-]+$`)
	validVariable = regexp.MustCompile(`^(LANGUAGE|LC_(CTYPE|NUMERIC|TIME|COLLATE|MONETARY|MESSAGES|PAPER|NAME|ADDRESS|TELEPHONE|MEASUREMENT|IDENTIFICATION))$`)
	validLanguage = regexp.MustCompile(`^[A-Za-z_:.@-]+$`)
)

// isBuiltIn reports whether every host has the locale.
func isBuiltIn(name string) bool {
	return name == "C" || name == "POSIX" || normal(name) == "C.utf8"
}

// parse reads a locale as people write it.
func parse(text string) (entry, error) {
	name, charset, both := strings.Cut(text, " ")
	if !both {
		rest, _, _ := strings.Cut(name, "@")
		_, charset, _ = strings.Cut(rest, ".")
	}
	switch {
	case !validName.MatchString(name):
		return entry{}, fmt.Errorf("must be a locale such as de_DE.UTF-8, not %q", text)
	case charset == "":
		return entry{}, fmt.Errorf("must say its character set: %s.UTF-8, not %q", name, text)
	case strings.EqualFold(charset, "utf8"):
		return entry{}, fmt.Errorf("must be written as in /etc/locale.gen: %s, not %q", strings.Replace(text, charset, "UTF-8", 1), text)
	case !validCharset.MatchString(charset):
		return entry{}, fmt.Errorf("has the character set %q, which is none of glibc's", charset)
	}
	return entry{name, charset}, nil
}

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Settings: maps.Clone(args.Settings)}
	var errs []error
	add := func(arg, text string) {
		if isBuiltIn(text) {
			return
		}
		e, err := parse(text)
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		} else if !slices.Contains(s.Generate, e) {
			s.Generate = append(s.Generate, e)
		}
	}
	for _, text := range args.Generate {
		add("generate", text)
	}
	for _, variable := range slices.Sorted(maps.Keys(args.Settings)) {
		value := args.Settings[variable]
		switch {
		case variable == "LANG":
			errs = append(errs, modules.Argf("settings", "has LANG, which is for `lang`"))
		case variable == "LC_ALL":
			errs = append(errs, modules.Argf("settings", "has LC_ALL, which would take all others away: it is not for this file, locale(7)"))
		case !validVariable.MatchString(variable):
			errs = append(errs, modules.Argf("settings", "has %q, which is no variable of locale(7)", variable))
		case variable != "LANGUAGE":
			add("settings", value)
		case !validLanguage.MatchString(value):
			errs = append(errs, modules.Argf("settings", "has the LANGUAGE %q, which is no list such as de:en", value))
		}
	}
	if args.Lang != "" {
		add("lang", args.Lang)
		if s.Settings == nil {
			s.Settings = map[string]string{}
		}
		s.Settings["LANG"] = args.Lang
	}
	for variable, value := range s.Settings {
		s.Settings[variable], _, _ = strings.Cut(value, " ")
	}
	if len(s.Settings)+len(args.Generate) == 0 {
		errs = append(errs, modules.Argf("lang", "is required, or generate"))
	}
	return s, errors.Join(errs...)
}

// normal returns the name of a locale as `locale -a` prints it: its character set in lowercase, without hyphens.
func normal(name string) string {
	name, modifier, modified := strings.Cut(name, "@")
	language, charset, found := strings.Cut(name, ".")
	if found {
		language += "." + strings.ReplaceAll(strings.ToLower(charset), "-", "")
	}
	if modified {
		language += "@" + modifier
	}
	return language
}

// available answers which locales the host has.
var available = observe.NewLines("locales", "locale -a 2>/dev/null").About("/usr/lib/locale/locale-archive")

var linkQuestion = observe.FileQuestion{Path: defaults}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	if len(s.Generate) > 0 {
		available.Ask(q, struct{}{})
		s.list().Observe(q)
	}
	for _, e := range s.Generate {
		observe.File.Ask(q, observe.FileQuestion{Path: e.definition()})
	}
	if len(s.Settings) > 0 {
		observe.File.Ask(q, linkQuestion)
		s.defaults(defaults).Observe(q)
		s.defaults(conf).Observe(q)
	}
}

// list is locale.gen(5) with the lines of the step.
func (s *Step) list() *portion.Step {
	return &portion.Step{Path: list, Field: "generate", Create: true, Mode: 0o644, Owner: "root", Group: "root", Text: func(old string) (string, []string, error) {
		return withEntries(old, s.Generate), nil, nil
	}}
}

// defaults is the file with the default, which is at p.
func (s *Step) defaults(p string) *portion.Step {
	return &portion.Step{Path: p, Field: "settings", Create: true, Mode: 0o644, Owner: "root", Group: "root", Text: func(old string) (string, []string, error) {
		return withSettings(old, s.Settings), nil, nil
	}}
}

// withEntries returns locale.gen(5) with entries: a line that is commented out counts again.
func withEntries(old string, entries []entry) string {
	lines := slices.Collect(strings.Lines(old))
	for _, e := range entries {
		is := func(mark string) func(string) bool {
			return func(line string) bool {
				rest, marked := strings.CutPrefix(strings.TrimSpace(line), mark)
				return marked && slices.Equal(strings.Fields(rest), []string{e.Name, e.Charset})
			}
		}
		if slices.ContainsFunc(lines, is("")) {
			continue
		}
		if at := slices.IndexFunc(lines, is("#")); at >= 0 {
			_, end := portion.CutEnd(lines[at])
			lines[at] = e.String() + end
			continue
		}
		lines, _ = portion.Place{}.Add(lines, "", e.String())
	}
	return strings.Join(lines, "")
}

// withSettings returns a file of assignments with those of settings, each on one line.
func withSettings(old string, settings map[string]string) string {
	var lines []string
	done := map[string]bool{}
	for line := range strings.Lines(old) {
		body, end := portion.CutEnd(line)
		variable, value, _ := strings.Cut(strings.TrimSpace(body), "=")
		want, ours := settings[variable]
		switch {
		case ours && done[variable]:
			continue
		case ours && strings.Trim(value, `"'`) != want:
			line = variable + "=" + want + end
		}
		done[variable] = ours
		lines = append(lines, line)
	}
	for _, variable := range slices.Sorted(maps.Keys(settings)) {
		if !done[variable] {
			lines, _ = portion.Place{}.Add(lines, "", variable+"="+settings[variable])
		}
	}
	return strings.Join(lines, "")
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	var w work
	if len(s.Settings) > 0 {
		file, err := where(snapshot)
		if err != nil {
			return modules.Change{}, err
		}
		c, err := s.defaults(file).Diff(snapshot)
		if err != nil {
			return modules.Change{}, err
		}
		if !c.Empty() {
			w.Defaults = new(c.Work.(portion.Work))
		}
	}
	if len(s.Generate) == 0 {
		return modules.NewChange(w), nil
	}
	has, err := available.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask which locales there are: %w", err)
	}
	var missing error
	for _, e := range s.Generate {
		if slices.Contains(has, normal(e.Name)) {
			continue
		}
		w.Generate = append(w.Generate, e.Name)
		is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: e.definition()})
		switch {
		case err != nil:
			return modules.Change{}, fmt.Errorf("look at %s: %w", e.definition(), err)
		case is.Type == observe.Absent && missing == nil:
			missing = modules.WithHint(fmt.Errorf("the host can't generate the locale %s: there is no %s", e.Name, e.definition()),
				"Install the package locales in an earlier step: `apt_package \"locales\" { packages = [\"locales\"] }`. "+
					"If it is there, correct the name: /usr/share/i18n/SUPPORTED lists all.")
		}
	}
	listed, err := s.list().Diff(snapshot)
	if err != nil {
		return modules.Change{}, err
	}
	// Without the file, others care for the locales that are there: the package locales-all brings them all.
	if !listed.Empty() && (len(w.Generate) > 0 || listed.Edits[0].Action != modules.Create) {
		w.List = new(listed.Work.(portion.Work))
	}
	c := modules.NewChange(w)
	if missing != nil {
		return modules.Change{}, modules.Later(missing, &c)
	}
	return c, nil
}

// where returns the path of the file with the default.
func where(snapshot *observe.Snapshot) (string, error) {
	is, err := observe.File.Get(snapshot, linkQuestion)
	switch {
	case err != nil:
		return "", fmt.Errorf("look at %s: %w", defaults, err)
	case is.Type == observe.Symlink && observe.LinkTarget(defaults, is.Target) == conf:
		return conf, nil
	}
	return defaults, nil
}

// Apply implements [modules.Step]. The default is set when it is there.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.List != nil {
		if err := s.list().Write(ctx, h, *w.List); err != nil {
			return err
		}
	}
	if len(w.Generate) > 0 {
		modules.Progress(ctx, "generating %s", strings.Join(w.Generate, ", "))
		// Without the flag, it first removes those that are there.
		_, err := h.Run(ctx, modules.Command{Argv: []string{"locale-gen", "--keep-existing"}})
		if err != nil {
			return modules.WithHint(err, "`locale-gen` on the host shows all that it says; it needs memory (300 MB) and room in /usr/lib/locale.")
		}
	}
	if w.Defaults != nil {
		return s.defaults(w.Defaults.Path).Write(ctx, h, *w.Defaults)
	}
	return nil
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w := c.Work.(work)
	if w.List != nil {
		s.list().Foresee(snapshot, modules.NewChange(*w.List))
	}
	if w.Defaults != nil {
		s.defaults(w.Defaults.Path).Foresee(snapshot, modules.NewChange(*w.Defaults))
	}
	if len(w.Generate) > 0 {
		has, err := available.Get(snapshot, struct{}{})
		if err == nil {
			for _, name := range w.Generate {
				has = append(slices.Clone(has), normal(name))
			}
			available.Foresee(snapshot, struct{}{}, has)
		}
	}
}

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	all := []modules.Claim{}
	for _, variable := range slices.Sorted(maps.Keys(s.Settings)) {
		c := modules.Claim{Thing: modules.Thing{Kind: "default locale"}}
		all = append(all, c.With(variable, s.Settings[variable]))
	}
	return all
}

// work is what is done about locales.
type work struct {
	List     *portion.Work // nil: locale.gen(5) stays
	Generate []string      // names of locales
	Defaults *portion.Work // nil: the default stays
}

// Edits implements [modules.Work].
func (w work) Edits() (edits []modules.Edit) {
	if w.List != nil {
		edits = w.List.Edits()
	}
	for _, name := range w.Generate {
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: "locale " + name})
	}
	if w.Defaults != nil {
		edits = append(edits, w.Defaults.Edits()...)
	}
	return edits
}
