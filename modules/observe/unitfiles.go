package observe

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WatchedFile is the state of a file that a unit is made from.
type WatchedFile struct {
	Changed time.Time // ctime, of the link or of the file that it leads to, whichever is later; zero when absent
	CTime   string    // ctime of the file as find(1) prints it, "-" when absent: equal means unchanged

	// Fingerprint is the content's SHA-256, "absent", or "->TARGET" for a link to a directory or to nothing. It is empty
	// when it was not needed (see UnitQuestion).
	Fingerprint string

	Target string // where a link to a file, or to nothing, leads: an absolute path

	Foreseen bool // a pending change makes it so

	Err error // why its state is unknown
}

// A Stamp is what rcprov notes on the host at each (re)start and reload: which files the running instance of a unit
// was made from. It speaks of that instance only.
type Stamp struct {
	InvocationID string    // of the instance; empty: there is no stamp
	StateChanged time.Time // the unit's, when the stamp was made: later means that somebody reloaded it since
	Files        map[string]StampedFile
}

// StampedFile is a file in a Stamp.
type StampedFile struct {
	Own         bool // a file of the unit itself
	CTime       string
	Fingerprint string
}

// StampPath is where the stamp of a unit lies on the host.
func StampPath(unit string) string { return "/var/lib/rcprov/stamps/" + unit }

const stampTime = "2006-01-02T15:04:05.000000Z"

// Text is the stamp file of unit. Each line begins with the unit's name, so that many can be read with one cat; it
// ends with ctime and path, where the script looks for them.
func (s Stamp) Text(unit string) string {
	lines := []string{
		fmt.Sprintf("stamp\t%s\tinvocation\t%s\n", unit, s.InvocationID),
		fmt.Sprintf("stamp\t%s\tchanged\t%s\n", unit, s.StateChanged.UTC().Format(stampTime)),
	}
	for path, f := range s.Files {
		kind := "file"
		if f.Own {
			kind = "own"
		}
		lines = append(lines, fmt.Sprintf("stamp\t%s\t%s\t%s\t%s\t%s\n", unit, kind, f.Fingerprint, f.CTime, path))
	}
	slices.Sort(lines[2:])
	return strings.Join(lines, "")
}

// watchedLines collects what unit.sh and unitfiles.sh print beside the properties.
type watchedLines struct {
	enabled   map[string]string // state by unit, where UnitFileState is an old one
	linked    map[string]bool   // units without a file that links enable
	now       time.Time
	stamps    map[string]Stamp
	processes map[process]string // paths
	links     map[string]linkLine
	files     map[string]fileLine
	sums      map[string]string
}

// A process has a program ("program"; "replaced" when it was removed and there is another one, "removed") and a working
// directory ("directory"; "lost" when it was removed).
type process struct {
	what string
	pid  int
}

type linkLine struct{ ctime, target string }

type fileLine struct{ kind, ctime string }

// add takes a line, and reports whether it was one of these.
func (f *watchedLines) add(line string) bool {
	if f.stamps == nil {
		*f = watchedLines{
			enabled: make(map[string]string), linked: make(map[string]bool), stamps: make(map[string]Stamp), processes: make(map[process]string),
			links: make(map[string]linkLine), files: make(map[string]fileLine), sums: make(map[string]string),
		}
	}
	fields := strings.Split(line, "\t")
	switch {
	case fields[0] == "linked" && len(fields) == 2:
		f.linked[fields[1]] = true
	case fields[0] == "enabled" && len(fields) == 3:
		f.enabled[fields[1]] = fields[2]
	case fields[0] == "now" && len(fields) == 2:
		if seconds, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			f.now = time.Unix(seconds, 0).UTC()
		}
	case fields[0] == "stamp" && len(fields) >= 4:
		f.stamps[fields[1]] = f.stamps[fields[1]].with(fields[2:])
	case slices.Contains([]string{"program", "replaced", "removed", "directory", "lost"}, fields[0]) && len(fields) == 3:
		if pid, err := strconv.Atoi(fields[1]); err == nil {
			f.processes[process{fields[0], pid}] = fields[2]
		}
	case fields[0] == "link" && len(fields) == 4:
		f.links[fields[3]] = linkLine{ctime: fields[1], target: fields[2]}
	case fields[0] == "file" && len(fields) == 4:
		f.files[fields[3]] = fileLine{kind: fields[1], ctime: fields[2]}
	default:
		// sha256sum begins the line with a backslash where it had to escape backslashes in the path.
		plain, escaped := strings.CutPrefix(line, `\`)
		sum, path, ok := strings.Cut(plain, "  ")
		if !ok || len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
			return false
		}
		if escaped {
			path = strings.ReplaceAll(path, `\\`, `\`)
		}
		f.sums[path] = sum
	}
	return true
}

// with is s with one more line, without its first two fields. Lines that it doesn't know say nothing.
func (s Stamp) with(fields []string) Stamp {
	switch {
	case fields[0] == "invocation" && len(fields) == 2:
		s.InvocationID = fields[1]
	case fields[0] == "changed" && len(fields) == 2:
		s.StateChanged, _ = time.Parse(stampTime, fields[1]) // the zero time distrusts the stamp
	case (fields[0] == "file" || fields[0] == "own") && len(fields) == 4:
		if s.Files == nil {
			s.Files = make(map[string]StampedFile)
		}
		s.Files[fields[3]] = StampedFile{Own: fields[0] == "own", Fingerprint: fields[1], CTime: fields[2]}
	}
	return s
}

// file is the state of the file path.
func (f *watchedLines) file(path string, reply Reply) WatchedFile {
	is, there := f.files[path]
	link, isLink := f.links[path]
	if !there {
		if err := missing(path, reply); err != nil {
			return WatchedFile{Err: err}
		}
		return WatchedFile{CTime: "-", Fingerprint: "absent"}
	}
	w := WatchedFile{CTime: is.ctime}
	changed, err := parseCTime(is.ctime)
	if err != nil {
		return WatchedFile{Err: err}
	}
	switch {
	case is.kind == "l", is.kind == "d" && isLink: // find -L prints "l" for a link to nothing
		w.Fingerprint, w.CTime = "->"+link.target, link.ctime
		changed, err = parseCTime(link.ctime)
		if is.kind == "l" {
			w.Target = LinkTarget(path, link.target)
		}
	case is.kind != "f":
		return WatchedFile{Err: fmt.Errorf("%s is not a regular file", path)}
	case isLink:
		var own time.Time
		if own, err = parseCTime(link.ctime); own.After(changed) {
			changed = own
		}
		w.Fingerprint, w.Target = f.fingerprint(path, is.ctime), LinkTarget(path, link.target)
	default:
		w.Fingerprint = f.fingerprint(path, is.ctime)
	}
	if err != nil {
		return WatchedFile{Err: err}
	}
	w.Changed = changed
	return w
}

// LinkTarget is where a link at p leads that says target.
func LinkTarget(p, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(path.Dir(p), target)
}

// fingerprint is the sum of the file, or the one that any stamp holds for it with the same ctime.
func (f *watchedLines) fingerprint(path, ctime string) string {
	if sum := f.sums[path]; sum != "" {
		return sum
	}
	for _, stamp := range f.stamps {
		if stamped, ok := stamp.Files[path]; ok && stamped.CTime == ctime {
			return stamped.Fingerprint
		}
	}
	return ""
}

// parseCTime reads find's %C@: seconds with a fraction of ten digits.
func parseCTime(s string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("find answered ctime %q", s)
	}
	nanoseconds, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("find answered ctime %q", s)
	}
	return time.Unix(seconds, nanoseconds).UTC(), nil
}

// missing is the error for a path that find said nothing about: nil when it is not there.
func missing(path string, reply Reply) error {
	complaints, all := 0, true
	for line := range strings.Lines(string(reply.Stderr)) {
		line = strings.TrimSpace(line)
		complaints++
		if strings.Contains(line, "'"+path+"'") { // not of /etc/ab when asked for /etc/a
			if benign(line) {
				return nil
			}
			return errors.New(line)
		}
		all = all && benign(line)
	}
	if complaints > 0 && all {
		return nil // a path that find quotes in its message
	}
	return reply.failure()
}
