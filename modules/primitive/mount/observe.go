package mount

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// question is about a mount point, and about the source that it should have.
type question struct {
	Path string
	Src  string // empty: nobody wants to know
	Bind bool
}

// mounted is what is mounted at a mount point, the last one if several are.
type mounted struct {
	There  bool
	Source string
	FSType string
	Opts   []string // those of the mount, and behind them those of its file system
	Same   bool     // the source is the desired one
}

//go:embed mounts.sh
var mountsScript string

// mounts answers what is mounted.
var mounts = &observe.Kind[question, mounted]{
	Name: "mount",
	Script: func(questions []question) string {
		var devices, directories []string
		for _, q := range questions {
			switch {
			case q.Bind:
				directories = append(directories, q.Src, q.Path)
			case strings.HasPrefix(q.Src, "/dev/") || strings.Contains(q.Src, "="):
				devices = append(devices, q.Src)
			}
		}
		return shell.Script(mountsScript, shell.Vars{"devices": shell.QuoteAll(devices), "directories": shell.QuoteAll(directories)})
	},
	Parse: parseMounts,
}

func parseMounts(questions []question, reply observe.Reply) map[question]observe.Answer[mounted] {
	found := make(map[string]mounted)
	real, inode := make(map[string]string), make(map[string]string)
	for _, line := range reply.Lines() {
		what, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, " ")
		switch what {
		case "mount":
			if path, m, ok := parseMount(rest); ok {
				found[path] = m
			}
		case "real":
			real[name] = value
		case "inode":
			inode[unescape.Replace(name)] = value
		}
	}
	answers := make(map[question]observe.Answer[mounted])
	if len(found) == 0 { // a host has at least a root: no /proc
		return answers
	}
	for _, q := range questions {
		m := found[q.Path]
		switch {
		case q.Bind:
			m.Same = inode[q.Src] != "" && inode[q.Src] == inode[q.Path]
		case real[q.Src] != "":
			m.Same = real[q.Src] == real[m.Source]
		default:
			m.Same = strings.TrimSuffix(q.Src, "/") == strings.TrimSuffix(m.Source, "/")
		}
		answers[q] = observe.Answer[mounted]{Value: m}
	}
	return answers
}

// parseMount reads a line of /proc/self/mountinfo, proc_pid_mountinfo(5).
func parseMount(line string) (path string, m mounted, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	first, last := strings.Fields(before), strings.Fields(after)
	if !ok || len(first) < 6 || len(last) < 3 {
		return "", mounted{}, false
	}
	m = mounted{There: true, FSType: last[0], Source: unescape.Replace(last[1]), Opts: strings.Split(first[5]+","+last[2], ",")}
	return unescape.Replace(first[4]), m, true
}

// flags are the options of a mount that can be seen, and changed by a remount.
var flags = []string{"ro", "nosuid", "nodev", "noexec", "noatime"}

// drift returns the options of the desired ones that the mount doesn't have.
func (m mounted) drift(desired []string) (missing []string) {
	for _, flag := range flags {
		if slices.Contains(desired, flag) && !slices.Contains(m.Opts, flag) {
			missing = append(missing, flag)
		}
	}
	// A kernel makes a mount read-only after an error of its device.
	if len(m.Opts) > 0 && m.Opts[0] == "ro" && !slices.Contains(desired, "ro") {
		missing = append(missing, "rw")
	}
	for _, opt := range desired {
		if size, ok := strings.CutPrefix(opt, "size="); ok && m.FSType == "tmpfs" {
			if kib := kibibytes(size); kib != "" && !slices.Contains(m.Opts, "size="+kib) {
				missing = append(missing, opt)
			}
		}
	}
	return missing
}

// kibibytes returns a size of tmpfs(5) as the kernel shows it; "" for a part of the memory.
func kibibytes(size string) string {
	digits := strings.TrimRight(strings.ToLower(size), "kmg")
	shift, ok := map[string]int{"": 0, "k": 10, "m": 20, "g": 30}[strings.ToLower(size[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n <= 0 {
		return ""
	}
	const page = 4096 // the kernel rounds up to pages
	bytes := (n<<shift + page - 1) / page * page
	return strconv.FormatInt(bytes>>10, 10) + "k"
}
