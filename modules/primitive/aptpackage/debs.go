package aptpackage

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// debInfo is what a host says of a package as a file.
type debInfo struct {
	Exists bool
	Others []string // who else than root can put another file there; all else is unknown then
	control
	Broken string // why dpkg-deb can't read it

	Foreign []string // architectures that dpkg has beside the host's own
}

//go:embed debs.sh
var debsScript string

// debs answers what package is in a file of the host; the subject is its path, empty where only architectures are asked about.
var debs = &observe.Kind[string, debInfo]{
	Name: "package file",
	Cost: 5,
	Script: func(files []string) string {
		files = slices.DeleteFunc(slices.Clone(files), func(file string) bool { return file == "" })
		return shell.Script(debsScript, shell.Vars{"files": shell.QuoteAll(files)})
	},
	Parse: func(files []string, reply observe.Reply) map[string]observe.Answer[debInfo] {
		if reply.Status != 0 {
			return nil
		}
		var foreign []string
		texts := make(map[string][]string)
		file := ""
		for _, line := range reply.Lines() {
			key, rest, _ := strings.Cut(line, " ")
			switch {
			case key == "arch" && file == "":
				foreign = append(foreign, rest)
			case key == "file":
				file = rest
			default:
				texts[file] = append(texts[file], line)
			}
		}
		answers := make(map[string]observe.Answer[debInfo])
		for _, file := range files {
			is := parseDebInfo(texts[file])
			is.Foreign = foreign
			answers[file] = observe.Answer[debInfo]{Value: is}
		}
		return answers
	},
	Future: func(f *observe.Forecast, file string, seen debInfo) observe.Outlook[debInfo] {
		o := observe.Outlook[debInfo]{Answer: observe.Answer[debInfo]{Value: seen}}
		if file == "" {
			return o
		}
		if f.Changes(file) {
			return observe.Outlook[debInfo]{Answer: observe.Unknown[debInfo](file + " is written")}
		}
		if by, ok := f.MayChange(file); ok {
			o.Or = append(o.Or, observe.Alternative[debInfo]{Answer: observe.Unknown[debInfo](by + " is done"), If: by + " changes " + file})
		}
		return o
	},
}

func parseDebInfo(lines []string) debInfo {
	is := debInfo{Exists: len(lines) > 0 && lines[0] != "absent"}
	for _, line := range lines {
		if user, found := strings.CutPrefix(line, "other "); found {
			is.Others = append(is.Others, user)
		}
	}
	if !is.Exists || len(is.Others) > 0 {
		return is
	}
	var err error
	if is.control, err = parseControl(strings.Join(lines, "\n")); err != nil {
		is.Broken = err.Error()
	}
	if said, found := strings.CutPrefix(lines[len(lines)-1], "dpkg-deb: error: "); found {
		is.control, is.Broken = control{}, said
	}
	return is
}
