package mount

import (
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/portion"
)

// escape and unescape are for the fields of fstab(5) and of /proc/self/mountinfo, getmntent(3).
var (
	escape   = strings.NewReplacer(" ", `\040`, "\t", `\011`, `\`, `\134`)
	unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
)

// fields returns the six fields of the mount's line.
func (s *Step) fields() []string {
	return []string{escape.Replace(s.Src), escape.Replace(s.Path), s.FSType, strings.Join(s.Opts, ","), "0", string(rune('0' + s.Passno))}
}

// text returns fstab(5) with the mount's line, or without any of its mount point. A line that says the same stays as it is.
func (s *Step) text(old string) (string, []string, error) {
	var lines []string
	found := false
	for line := range strings.Lines(old) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0][0] == '#' || unescape.Replace(words[1]) != s.Path {
			lines = append(lines, line)
			continue
		}
		if s.Absent || found {
			continue
		}
		found = true
		words = append(words, []string{"defaults", "0", "0"}[min(3, max(0, len(words)-3)):]...)
		if !slices.Equal(words[:6], s.fields()) {
			_, end := portion.CutEnd(line)
			line = strings.Join(s.fields(), " ") + end
		}
		lines = append(lines, line)
	}
	if !found && !s.Absent {
		lines, _ = portion.Place{}.Add(lines, "", strings.Join(s.fields(), " "))
	}
	return strings.Join(lines, ""), nil, nil
}

// fstab is the file with its line.
func (s *Step) fstab() *portion.Step {
	return &portion.Step{
		Path: "/etc/fstab", Field: "mount", Absent: s.Absent, Create: !s.Absent, Mode: 0o644, Owner: "root", Group: "root", Text: s.text,
	}
}
