package apt

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// An Error says why apt-get or dpkg failed, in their own words.
type Error struct {
	Lines   []string // its errors, without "E: "; what it says about unmet dependencies and failing packages comes first
	Command *modules.CommandError
}

func (e *Error) Error() string { return "apt-get: " + strings.Join(e.Lines, "\n") }

func (e *Error) Unwrap() error { return e.Command }

// Contains reports whether text is in one of the lines.
func (e *Error) Contains(text string) bool {
	return slices.ContainsFunc(e.Lines, func(line string) bool { return strings.Contains(line, text) })
}

// Locked reports whether another program held a lock.
func (e *Error) Locked() bool {
	return e.Contains("Could not get lock") || e.Contains("Unable to lock directory") ||
		e.Contains("Unable to acquire the dpkg frontend lock") || slices.ContainsFunc(e.Lines, dpkgLock.MatchString)
}

// Unknown reports whether apt-get knows no package or version of a name, which newer package lists may change.
func (e *Error) Unknown() bool {
	return e.Contains("Unable to locate package") || e.Contains("has no installation candidate") ||
		e.Contains("' was not found") || e.Contains("Couldn't find any package by")
}

// dpkgLock is dpkg's own complaint; before Debian 13 it says "another" instead of a program.
var dpkgLock = regexp.MustCompile(`lock was locked by (\S+) process with pid (\d+)`)

// holder names the program that holds the lock, as far as apt or dpkg reported it.
func (e *Error) holder() string {
	for _, line := range e.Lines {
		if m := heldBy.FindStringSubmatch(line); m != nil {
			return m[2] + " (pid " + m[1] + ")"
		}
		if m := dpkgLock.FindStringSubmatch(line); m != nil {
			return strings.Replace(path.Base(m[1]), "another", "another dpkg", 1) + " (pid " + m[2] + ")"
		}
	}
	return "another program that holds apt's lock"
}

// headings begin the passages of apt's and dpkg's output which explain an error; the passage goes on with indented lines.
var headings = regexp.MustCompile(`^(The following packages have unmet dependencies:|Package .* is a virtual package provided by:|` +
	`The following packages will be REMOVED:|The following held packages will be changed:|The following packages will be DOWNGRADED:|` +
	`dpkg: error.*)$`)

// complaint is a line that says what is wrong. What is wrong with a repository's signature are warnings; the error
// after them says only that it isn't signed.
var complaint = regexp.MustCompile(`^(E: |W: GPG error: |W: .*OpenPGP signature verification failed: )`)

// findComplaints returns those lines of what apt-get printed to standard error that begin with one of marks ("W: "), each once,
// without the mark and without what is of no help.
func findComplaints(stderr []byte, marks ...string) []string {
	var all []string
	for line := range strings.Lines(string(stderr)) {
		for _, mark := range marks {
			text, found := strings.CutPrefix(strings.TrimRight(line, " \r\n"), mark)
			if found && !slices.Contains(all, text) && !strings.HasPrefix(text, "Some index files failed to download") {
				all = append(all, text)
			}
		}
	}
	return all
}

// Contradiction reports whether apt reads no source at all, because two contradict each other.
func (e *Error) Contradiction() bool { return e.Contains("Conflicting values set for option") }

// Broken reports whether packages that are installed lack what they depend on, so that apt-get does nothing else.
func (e *Error) Broken() bool {
	return e.Contains("--fix-broken install") || e.Contains("apt-get -f install")
}

// lack is a line about what a package lacks; the name of the package stands in the first of its lines only.
var lack = regexp.MustCompile(`^ (?:(\S+) : | +)(?:Pre-?)?Depends: (\S+) .*but it is not (?:going to be )?installed$`)

// Lacks returns the packages that lack what they depend on, and what that is, each once.
func (e *Error) Lacks() (packages, missing []string) {
	for _, line := range e.Lines {
		m := lack.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if m[1] != "" && !slices.Contains(packages, m[1]) {
			packages = append(packages, m[1])
		}
		if !slices.Contains(missing, m[2]) {
			missing = append(missing, m[2])
		}
	}
	return packages, missing
}

// newError picks what matters from the output of a failed apt-get or dpkg under LC_ALL=C.
func newError(failed *modules.CommandError) *Error {
	e := &Error{Command: failed}
	var complaints, virtual []string
	var passage *[]string // where the lines of the passage go that is being read
	for _, output := range [][]byte{failed.Result.Stdout, failed.Result.Stderr} {
		for line := range strings.Lines(string(output)) {
			line = strings.TrimRight(line, " \r\n")
			switch {
			case complaint.MatchString(line):
				complaints = append(complaints, line[len("E: "):])
				passage = nil
			case headings.MatchString(line):
				passage = &e.Lines
				if strings.Contains(line, "virtual") {
					passage = &virtual
				}
				*passage = append(*passage, line)
			case passage != nil && strings.HasPrefix(line, " "):
				*passage = append(*passage, line)
			default:
				passage = nil
			}
		}
	}
	// apt also says so of a real package that has other providers when only the version is unknown.
	if slices.ContainsFunc(complaints, func(line string) bool { return strings.HasSuffix(line, "has no installation candidate") }) {
		e.Lines = append(e.Lines, virtual...)
	}
	for _, line := range complaints {
		// apt-get reports some things twice, and some that are of no help.
		if !slices.Contains(e.Lines, line) && !strings.HasPrefix(line, "Some index files failed to download") {
			e.Lines = append(e.Lines, line)
		}
	}
	if len(e.Lines) == 0 {
		e.Lines = []string{failed.Error()}
	}
	return e
}

// Failure turns the error of a command of apt's that [modules.Host.Run] ran into an [*Error]; other errors stay.
func Failure(err error) error {
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return newError(failed)
	}
	return err
}
