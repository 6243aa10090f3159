package observe

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules/shell"
)

// MaxContent is the size in bytes up to which a file's content is sent along with its metadata.
const MaxContent = 1 << 20

// FileQuestion asks for one path.
type FileQuestion struct {
	Path string // absolute, without newline

	// Content asks for the file's content, when it is a regular file of at most MaxContent bytes ...
	Content bool
	// ... unless its SHA-256 (lower-case hex) is this. Empty: always.
	UnlessSHA256 string
}

// FileType is what a path leads to.
type FileType int

// File types. The zero value is Absent.
const (
	Absent FileType = iota
	Regular
	Directory
	Symlink
	OtherType // device, socket, pipe
)

func (t FileType) String() string {
	return [...]string{"nothing", "a file", "a directory", "a symbolic link", "a device, socket or pipe"}[t]
}

// Nameless is what stat(1) prints for a number that no user or group has.
const Nameless = "UNKNOWN"

// FileInfo is what a host says of a path, symbolic links not followed.
type FileInfo struct {
	Type  FileType
	Mode  fs.FileMode // permission bits with fs.ModeSetuid, ModeSetgid, ModeSticky
	UID   int
	GID   int
	Owner string // user name, Nameless without one
	Group string

	// AnyRights says that mode, owner and group may be whatever is wanted. Only a forecast does.
	AnyRights bool

	Size    int64 // bytes
	ModTime time.Time
	ChTime  time.Time // ctime: last change of content or metadata; nobody can set it back
	Target  string    // of a symbolic link
	SHA256  string    // of a regular file, lower-case hex; only when Content was asked
	Content []byte    // nil when it was not asked for, matched UnlessSHA256 or is larger than MaxContent

	// Stranger is who else than root has a say in where the path leads; nil: nobody. All else is what that user sees.
	Stranger *Stranger
}

// Stranger is a user who owns a directory above a path. Root does nothing below it: what is done has the user's rights.
type Stranger struct {
	Dir    string   // the first such directory
	UID    int      // -1: unknown, in a forecast
	Name   string   // of the user; the number without one
	Groups []string // in which the user is: numbers and names; none: unknown
}

// In reports whether s is in a group, by name or number, or may be.
func (s *Stranger) In(group string) bool {
	return len(s.Groups) == 0 || slices.Contains(s.Groups, group)
}

// Is reports whether s is the user with a name or number, or may be.
func (s *Stranger) Is(user string) bool {
	number := func(name string) bool { return strings.Trim(name, "0123456789") == "" }
	return user == s.Name || user == strconv.Itoa(s.UID) || s.UID < 0 && number(user) != number(s.Name)
}

// LinkError says that a part of a path is a link that root doesn't follow.
type LinkError struct {
	Path  string // of the link
	Owner string
}

func (e *LinkError) Error() string {
	return fmt.Sprintf("%s is a link of %s's, which rcprov doesn't follow", e.Path, e.Owner)
}

// File answers what a path is. Access rights do not matter to root, but a missing parent directory counts as
// Absent and a file in its place as well (ENOTDIR); any other failure (an I/O error, a stale NFS handle, a loop of
// links on the way) is "could not tell".
//
// What stat(1) of GNU coreutils 9 and of uutils (seen: 0.0.30) agree on: the letters %s, %f (raw mode, hex), %u %g
// %U %G, %Y %Z (seconds), %n; %N is avoided, its quoting differs. For each path that it can't stat it prints one line
// to standard error, in the order of its arguments; uutils adds " (os error 2)" to the message.
var File = &Kind[FileQuestion, FileInfo]{Name: "file", Cost: 10, Script: fileScript, Parse: parseFiles, Future: futureFile}

//go:embed file.sh
var fileText string

//go:embed fileread.sh
var readText string

func fileScript(questions []FileQuestion) string {
	paths, contents := fileSubjects(questions)
	var known, read, above []string
	for _, c := range contents {
		read = append(read, c.path)
		sum := "-" // wanted in any case
		if c.unless != "" {
			sum = c.unless
		}
		known = append(known, sum+"  "+c.path)
	}
	for _, dir := range dirsAbove(paths) {
		above = append(above, "/."+dir)
	}
	lines := func(all []string) string { return strings.Join(all, "\n") }
	return shell.Script(fileText, shell.Vars{
		"above": lines(above), "paths": lines(paths), "contents": lines(read), "known": lines(known), "max": strconv.Itoa(MaxContent),
		"reader": shell.Script(readText, nil),
	})
}

// dirsAbove returns the directories above paths, each once and behind those above it.
func dirsAbove(paths []string) []string {
	above := make(map[string]bool)
	for _, p := range paths {
		for p != "/" && p != "." {
			p = path.Dir(p)
			above[p] = true
		}
	}
	return slices.Sorted(maps.Keys(above))
}

// contentQuestion is a path whose content is wanted, unless its SHA-256 is unless.
type contentQuestion struct{ path, unless string }

// fileSubjects returns the paths of questions, and those whose content is asked for, each once and in order. Several
// questions about one path that name different sums are one that wants the content in any case.
func fileSubjects(questions []FileQuestion) (paths []string, contents []contentQuestion) {
	index := make(map[string]int)
	seen := make(map[string]bool)
	for _, q := range questions {
		if !seen[q.Path] {
			seen[q.Path] = true
			paths = append(paths, q.Path)
		}
		if !q.Content {
			continue
		}
		if i, ok := index[q.Path]; !ok {
			index[q.Path] = len(contents)
			contents = append(contents, contentQuestion{q.Path, q.UnlessSHA256})
		} else if contents[i].unless != q.UnlessSHA256 {
			contents[i].unless = ""
		}
	}
	return paths, contents
}

func parseFiles(questions []FileQuestion, reply Reply) map[FileQuestion]Answer[FileInfo] {
	learned := readFileLines(reply.Lines())
	paths, _ := fileSubjects(questions)
	why := learned.unknown(paths, reply)
	answers := make(map[FileQuestion]Answer[FileInfo])
	for _, q := range questions {
		answers[q] = learned.answer(q, why[q.Path])
		for _, a := range learned.answers {
			if a.about(q.Path) {
				answers[q] = a.answer(q)
				break
			}
		}
		for link, owner := range learned.refused {
			if strings.HasPrefix(q.Path, link+"/") {
				answers[q] = Answer[FileInfo]{Err: &LinkError{link, owner}}
			}
		}
	}
	return answers
}

// unknown returns why it is unknown whether paths are there.
func (l fileLines) unknown(paths []string, reply Reply) map[string]error {
	complaints := statComplaints(reply.Stderr)
	var absent []string
	for _, path := range paths {
		if _, ok := l.stats[path]; !ok {
			absent = append(absent, path)
		}
	}
	why := make(map[string]error)
	for i, path := range absent {
		switch {
		case len(complaints) != len(absent): // stat was killed, or is not there
			why[path] = reply.failure()
		case !benign(complaints[i]):
			why[path] = errors.New(strings.TrimPrefix(complaints[i], "stat: "))
		}
	}
	return why
}

// answer returns the answer to q; why is why it is unknown if nothing is there.
func (l fileLines) answer(q FileQuestion, why error) Answer[FileInfo] {
	info, ok := l.stats[q.Path]
	if !ok {
		return Answer[FileInfo]{Err: why}
	}
	err := l.complete(&info, q)
	return Answer[FileInfo]{Value: info, Err: err}
}

// strangerAnswer is what a user sees of the paths below a directory, or of a path.
type strangerAnswer struct {
	Stranger
	below   bool   // it is about what is below Dir, not about Dir
	base    string // what ./ stands for in its lines
	learned fileLines
	reply   Reply
}

// about reports whether it is the answer about a path.
func (a strangerAnswer) about(path string) bool {
	return !a.below && path == a.Dir || a.below && strings.HasPrefix(path, a.Dir+"/")
}

func (a strangerAnswer) answer(q FileQuestion) Answer[FileInfo] {
	named := q
	if a.base != "" {
		named.Path = "." + strings.TrimPrefix(q.Path, a.base)
	}
	answer := a.learned.answer(named, nil)
	if _, ok := a.learned.stats[named.Path]; !ok {
		answer.Err = a.unknown(named.Path)
	}
	if a.below {
		answer.Value.Stranger = &a.Stranger
	}
	return answer
}

// unknown returns why it is unknown whether a path is there. The user may answer anything about its own directories: so only
// a complaint that names the path says that it isn't there.
func (a strangerAnswer) unknown(path string) error {
	for _, complaint := range statComplaints(a.reply.Stderr) {
		if !strings.Contains(complaint, path) && !strings.Contains(complaint, "\\") && !strings.Contains(complaint, "$'") {
			continue
		}
		if !benign(complaint) {
			return fmt.Errorf("%s, who owns %s, can't see it: %s", a.Name, a.Dir, strings.TrimPrefix(complaint, "stat: "))
		}
		return nil
	}
	return fmt.Errorf("no answer came by the rights of %s, who owns %s", a.Name, a.Dir)
}

// readStranger reads what stands behind "stranger" and the answer behind it.
func readStranger(line string) (a strangerAnswer, ok bool) {
	fields := strings.SplitN(line, "\t", 5)
	if len(fields) != 5 {
		return a, false
	}
	uid, err := strconv.Atoi(fields[2])
	fields[0], a.below = strings.CutSuffix(fields[0], "/")
	a.Stranger = Stranger{Dir: fields[0], UID: uid, Name: fields[3], Groups: strings.Fields(fields[4])}
	a.base = fields[1]
	return a, err == nil
}

// fileLines is what the lines of a reply say, by path.
type fileLines struct {
	stats    map[string]FileInfo
	targets  map[string]string
	sums     map[string]string
	unread   map[string]string
	contents map[string][]byte
	refused  map[string]string // links, and whose they are
	answers  []strangerAnswer
}

func readFileLines(lines []string) fileLines {
	l := fileLines{
		make(map[string]FileInfo), make(map[string]string), make(map[string]string), make(map[string]string),
		make(map[string][]byte), make(map[string]string), nil,
	}
	var links []string
	for _, line := range lines {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "stat":
			if path, info, ok := parseStat(rest); ok {
				l.stats[path] = info
			}
		case "link":
			links = append(links, rest)
		case "targets":
			decoded, err := base64.StdEncoding.DecodeString(rest)
			targets := strings.Split(string(decoded), "\x00")
			if err == nil && len(targets) == len(links)+1 { // else a link vanished meanwhile
				for i, path := range links {
					l.targets[path] = targets[i]
				}
			}
		case "target":
			if n := len(l.targets); n < len(links) {
				l.targets[links[n]] = rest
			}
		case "refused":
			path, owner, _ := strings.Cut(rest, "\t")
			l.refused[path] = owner
		case "stranger":
			if a, ok := readStranger(rest); ok {
				l.answers = append(l.answers, a)
			}
		case "answer":
			decoded, err := base64.StdEncoding.DecodeString(rest)
			if n := len(l.answers); n > 0 && err == nil {
				l.answers[n-1].reply = Reply{Stdout: decoded, Stderr: decoded}
				l.answers[n-1].learned = readFileLines(l.answers[n-1].reply.Lines())
			}
		case "sum":
			sum, path, _ := strings.Cut(rest, "  ")
			l.sums[path] = sum
		case "unread":
			if i := strings.LastIndexByte(rest, '\t'); i >= 0 {
				l.unread[rest[:i]] = strings.TrimPrefix(rest[i+1:], "sha256sum: ")
			}
		case "content":
			encoded, path, _ := strings.Cut(rest, " ")
			if content, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				l.contents[path] = append([]byte{}, content...) // not nil, though empty
			}
		}
	}
	return l
}

var errChanging = errors.New("it changed while it was looked at")

// complete adds to info what stat doesn't tell and q asks for.
func (l fileLines) complete(info *FileInfo, q FileQuestion) error {
	if info.Type == Symlink {
		if info.Target = l.targets[q.Path]; info.Target == "" { // no link has an empty target, symlink(2)
			return errChanging
		}
	}
	if !q.Content || info.Type != Regular {
		return nil
	}
	info.SHA256 = l.sums[q.Path]
	if reason, ok := l.unread[q.Path]; ok {
		return errors.New(reason)
	}
	if info.SHA256 == "" {
		return errChanging
	}
	if info.SHA256 == q.UnlessSHA256 || info.Size > MaxContent {
		return nil
	}
	sum := sha256.Sum256(l.contents[q.Path])
	if hex.EncodeToString(sum[:]) != info.SHA256 {
		return errChanging
	}
	info.Content = l.contents[q.Path]
	return nil
}

// parseStat reads "%s<tab>%f<tab>%u<tab>%g<tab>%U<tab>%G<tab>%Y<tab>%Z<tab>%n". Names of users and groups may
// contain spaces (those of an Active Directory do).
func parseStat(line string) (path string, info FileInfo, ok bool) {
	fields := strings.SplitN(line, "\t", 9)
	if len(fields) != 9 {
		return "", FileInfo{}, false
	}
	raw, err := strconv.ParseUint(fields[1], 16, 32)
	if err != nil {
		return "", FileInfo{}, false
	}
	var numbers [5]int64 // size, uid, gid, mtime, ctime
	for i, field := range []string{fields[0], fields[2], fields[3], fields[6], fields[7]} {
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return "", FileInfo{}, false
		}
	}
	return fields[8], FileInfo{
		Type: fileType(raw), Mode: fileMode(raw),
		UID: int(numbers[1]), GID: int(numbers[2]), Owner: fields[4], Group: fields[5],
		Size: numbers[0], ModTime: time.Unix(numbers[3], 0), ChTime: time.Unix(numbers[4], 0),
	}, true
}

// fileType reads the type bits of st_mode, inode(7).
func fileType(raw uint64) FileType {
	switch raw & 0o170000 {
	case 0o100000:
		return Regular
	case 0o040000:
		return Directory
	case 0o120000:
		return Symlink
	default:
		return OtherType
	}
}

func fileMode(raw uint64) fs.FileMode {
	mode := fs.FileMode(raw & 0o777)
	for bit, flag := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if raw&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

// statComplaints returns the lines that stat wrote to standard error about paths, not about the directories above them.
func statComplaints(stderr []byte) []string {
	var lines []string
	for line := range strings.Lines(string(stderr)) {
		if strings.HasPrefix(line, "stat: ") && !strings.Contains(line, "'/./") && !strings.Contains(line, `"/./`) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// benign reports whether a complaint of stat says that the path is not there.
func benign(complaint string) bool {
	complaint, _, _ = strings.Cut(complaint, " (os error ") // uutils
	return strings.HasSuffix(complaint, ": No such file or directory") || strings.HasSuffix(complaint, ": Not a directory")
}
