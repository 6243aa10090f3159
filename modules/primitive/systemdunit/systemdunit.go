package systemdunit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module systemd_unit.
func Module() modules.Module { return modules.Primitive("systemd_unit", source, New) }

// unitDir has the units of the administrator, which take precedence over those of packages (systemd.unit(5)).
const unitDir = "/etc/systemd/system/"

// Step is a systemd unit that a host should have, or not.
type Step struct {
	Name      string
	Files     []File // the unit file if the plan has it, then the drop-ins by name; in State absent, the files to remove
	Absent    bool
	Enabled   *bool // nil: as it is
	Running   *bool
	Masked    *bool
	RestartOn []string
	ReloadOn  []string
}

// File is a file of a unit.
type File struct {
	Path      string
	Field     string // the argument that holds its text: "content", `drop_ins."x.conf"`
	Text      string
	Sensitive bool
}

var _ modules.Step = (*Step)(nil)

var (
	nameRule   = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|mount|automount|path|target|slice|swap)$`)
	dropInRule = regexp.MustCompile(`^[A-Za-z0-9:_@-][A-Za-z0-9:_.@-]*\.conf$`)
)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Name: args.Name, Absent: args.State == "absent",
		Enabled: args.Enabled, Running: args.Running, Masked: args.Masked,
		RestartOn: args.RestartOn, ReloadOn: args.ReloadOn,
	}
	errs := []error{checkName(args.Name)}
	if args.Content != nil || s.Absent {
		f := File{Path: unitDir + args.Name, Field: "content", Sensitive: env.Sensitive("content")}
		if args.Content != nil {
			f.Text = *args.Content
		}
		s.Files = append(s.Files, f)
	}
	for _, name := range slices.Sorted(maps.Keys(args.DropIns)) {
		if !dropInRule.MatchString(name) {
			errs = append(errs, modules.Argf("drop_ins", "the name %q must be a file name that ends in .conf", name))
		}
		s.Files = append(s.Files, File{
			Path: unitDir + args.Name + ".d/" + name, Field: fmt.Sprintf("drop_ins.%q", name),
			Text: args.DropIns[name], Sensitive: env.Sensitive("drop_ins"),
		})
	}
	for arg, files := range map[string][]string{"restart_on": args.RestartOn, "reload_on": args.ReloadOn} {
		for _, file := range files {
			if err := modules.CheckPath(file); err != nil {
				errs = append(errs, modules.Argf(arg, "%w", err))
			} else if strings.Contains(file, "\t") {
				errs = append(errs, modules.Argf(arg, "must not contain a tab: %q", file))
			}
		}
	}
	errs = append(errs, s.checkTogether(args))
	return s, errors.Join(errs...)
}

func checkName(name string) error {
	switch {
	case path.Ext(name) == "" && nameRule.MatchString(name+".service"):
		return &modules.ArgError{
			Arg: "name", Err: fmt.Errorf("must have the unit's suffix, not %q", name), Hint: fmt.Sprintf("Write \"%s.service\".", name),
		}
	case !nameRule.MatchString(name) || len(name) > 255:
		return &modules.ArgError{
			Arg: "name", Err: fmt.Errorf("must be a unit such as \"nginx.service\", not %q", name),
			Hint: "The unit of a path or device is named by `systemd-escape`.",
		}
	case strings.Contains(name, "@."):
		return &modules.ArgError{
			Arg: "name", Err: fmt.Errorf("%q is a template, which has no state of its own", name),
			Hint: fmt.Sprintf("Name its instances here, and write the template with a `file` step to %s%s.", unitDir, name),
		}
	}
	return nil
}

// checkTogether finds arguments that conflict.
func (s *Step) checkTogether(args Args) error {
	masked := args.Masked != nil && *args.Masked
	switch {
	case s.Absent && (is(args.Enabled) || is(args.Running) || masked):
		return modules.Argf("state", "is absent, which conflicts with enabled, running and masked")
	case masked && args.Content != nil:
		return modules.Argf("masked", "conflicts with content: a masked unit is a link to /dev/null in its place")
	case masked && (is(args.Enabled) || is(args.Running)):
		return modules.Argf("masked", "conflicts with enabled and running")
	case is(args.Enabled) && args.Content != nil && installSection(*args.Content) == "":
		return &modules.ArgError{
			Arg: "enabled", Err: errors.New("needs an [Install] section in the content, which says what starts the unit"),
			Hint: "Add the lines `[Install]` and `WantedBy=multi-user.target`; a timer has `WantedBy=timers.target`.",
		}
	case is(args.Running) && args.Content != nil && s.ends():
		return &modules.ArgError{
			Arg: "running", Err: errors.New("conflicts with Type=oneshot: such a unit stops when its command ends"),
			Hint: endsHint,
		}
	}
	return nil
}

// ends reports whether the unit, by the text of its files, stops when its command ends.
func (s *Step) ends() bool {
	oneshot, remains := false, false
	for _, f := range s.Files {
		for line := range strings.Lines(section(f.Text, "[Service]")) {
			key, value, _ := strings.Cut(line, "=")
			switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
			case "Type":
				oneshot = value == "oneshot"
			case "RemainAfterExit":
				remains = slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(value)) // parse_boolean of systemd
			}
		}
	}
	return oneshot && !remains
}

// is reports whether an optional flag is given and true.
func is(flag *bool) bool { return flag != nil && *flag }

// isNot reports whether an optional flag is given and false.
func isNot(flag *bool) bool { return flag != nil && !*flag }

// installSection is the part of a unit file that `systemctl enable` reads.
func installSection(text string) string { return section(text, "[Install]") }

// section is a part of a unit file, without comments and blank lines.
func section(text, header string) string {
	var b strings.Builder
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			in = line == header
		case in:
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// ours reports whether the plan has the unit file.
func (s *Step) ours() bool {
	return !s.Absent && len(s.Files) > 0 && s.Files[0].Field == "content"
}

func (s *Step) question() observe.UnitQuestion {
	return observe.UnitQuestion{
		Name: s.Name, Watch: observe.WatchList(append(slices.Clone(s.RestartOn), s.ReloadOn...)), Ours: s.ours(),
		Wanted: is(s.Running) || is(s.Enabled),
	}
}

func (f File) question() observe.FileQuestion {
	sum := sha256.Sum256([]byte(f.Text))
	return observe.FileQuestion{Path: f.Path, Content: true, UnlessSHA256: hex.EncodeToString(sum[:])}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.Unit.Ask(q, s.question())
	for _, f := range s.Files {
		observe.File.Ask(q, f.question())
	}
}
