package observe

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
var File = &Kind[FileQuestion, FileInfo]{Name: "file", Cost: 30, Script: fileScript, Parse: parseFiles, Future: futureFile}

//go:embed file.sh
var fileText string

//go:embed fileread.sh
var readText string

func fileScript(questions []FileQuestion) string {
	paths, contents := fileSubjects(questions)
	unless := make(map[string]string)
	for _, c := range contents {
		unless[c.path] = cmp.Or(c.unless, anySum)
	}
	subjects := make([]string, len(paths)) // first those whose content is asked
	for i, p := range paths {
		subjects[i] = cmp.Or(unless[p], noSum) + "  " + p
	}
	var above []string
	for _, dir := range dirsAbove(paths) {
		above = append(above, "/."+dir)
	}
	lines := func(all []string) string { return strings.Join(all, "\n") }
	return shell.Script(fileText, shell.Vars{
		"above": lines(above), "contents": lines(subjects[:len(contents)]), "plain": lines(subjects[len(contents):]), "max": strconv.Itoa(MaxContent), "reader": shell.Script(readText, nil),
	})
}

// What stands for the SHA-256 of a content that is wanted in any case, or of one that isn't.
var (
	anySum = strings.Repeat("-", 2*sha256.Size)
	noSum  = strings.Repeat(".", 2*sha256.Size)
)

// dirsAbove returns the directories above paths, each once and behind those above it.
func dirsAbove(paths []string) []string {
	above := make(map[string]bool)
	for _, p := range paths {
		for p != "/" && p != "." {
			if p = path.Dir(p); above[p] {
				break
			}
			above[p] = true
		}
	}
	return slices.Sorted(maps.Keys(above))
}

// contentQuestion is a path whose content is wanted, unless its SHA-256 is unless.
type contentQuestion struct{ path, unless string }

// fileSubjects returns the paths of questions, and those whose content is asked for, each once and in order: these come first. Several
// questions about one path that name different sums are one that wants the content in any case.
func fileSubjects(questions []FileQuestion) (paths []string, contents []contentQuestion) {
	index := make(map[string]int)
	for _, q := range questions {
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
	for _, c := range contents {
		paths = append(paths, c.path)
	}
	seen := make(map[string]bool)
	for _, q := range questions {
		if _, ok := index[q.Path]; !ok && !seen[q.Path] {
			seen[q.Path] = true
			paths = append(paths, q.Path)
		}
	}
	return paths, contents
}

func parseFiles(questions []FileQuestion, reply Reply) map[FileQuestion]Answer[FileInfo] {
	learned := readFileLines(reply.Lines())
	paths, contents := fileSubjects(questions)
	learned.proveSame(contents)
	why := learned.unknown(paths, reply)
	answers := make(map[FileQuestion]Answer[FileInfo], len(questions))
	for _, q := range questions {
		if link, owner, ok := learned.refuses(q.Path); ok {
			answers[q] = Answer[FileInfo]{Err: &LinkError{link, owner}}
		} else if a := learned.stranger(q.Path); a != nil {
			answers[q] = a.answer(q)
		} else {
			answers[q] = learned.answer(q, why[q.Path])
		}
	}
	return answers
}

// refuses returns the link above a path that root doesn't follow.
func (l fileLines) refuses(p string) (link, owner string, ok bool) {
	if len(l.refused) == 0 {
		return "", "", false
	}
	for p != "/" && p != "." {
		p = path.Dir(p)
		if owner, ok := l.refused[p]; ok {
			return p, owner, true
		}
	}
	return "", "", false
}

// stranger returns the first answer of a stranger about a path; nil: root has looked at it.
func (l fileLines) stranger(p string) *strangerAnswer {
	if len(l.answers) == 0 {
		return nil
	}
	first, found := l.about[p]
	for dir := p; dir != "/" && dir != "."; {
		dir = path.Dir(dir)
		if i, ok := l.about[strings.TrimSuffix(dir, "/")+"/"]; ok && (!found || i < first) {
			first, found = i, true
		}
	}
	if !found {
		return nil
	}
	return &l.answers[first]
}

// proveSame notes that the regular files among contents contain what is known, if the host says so of just these.
func (l fileLines) proveSame(contents []contentQuestion) {
	if l.same == "" {
		return
	}
	digest := sha256.New()
	var regular []contentQuestion
	for _, c := range contents {
		if l.stats[c.path].Type == Regular {
			regular = append(regular, c)
			_, _ = io.WriteString(digest, c.unless+"  "+c.path+"\n")
		}
	}
	if hex.EncodeToString(digest.Sum(nil)) != l.same {
		return // another file came or went meanwhile
	}
	for _, c := range regular {
		l.sums[c.path] = c.unless
	}
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
	var failure error
	if len(complaints) != len(absent) { // stat was killed, or is not there
		failure = reply.failure()
	}
	for i, path := range absent {
		switch {
		case failure != nil:
			why[path] = failure
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
	below      bool   // it is about what is below Dir, not about Dir
	base       string // what ./ stands for in its lines
	learned    fileLines
	complaints complaints
}

func (a *strangerAnswer) answer(q FileQuestion) Answer[FileInfo] {
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
func (a *strangerAnswer) unknown(path string) error {
	complaint, ok := a.complaints.about(path)
	switch {
	case !ok:
		return fmt.Errorf("no answer came by the rights of %s, who owns %s", a.Name, a.Dir)
	case !benign(complaint):
		return fmt.Errorf("%s, who owns %s, can't see it: %s", a.Name, a.Dir, strings.TrimPrefix(complaint, "stat: "))
	}
	return nil
}

// complaints are what stat wrote about paths.
type complaints struct {
	of  map[string]string // by path
	odd string            // the first whose path can't be read, so that it may be about any
}

func readComplaints(stderr []byte) complaints {
	c := complaints{of: make(map[string]string)}
	for _, line := range statComplaints(stderr) {
		start := strings.IndexAny(line, `'"`) // " around a path with an apostrophe
		if start < 0 || strings.ContainsRune(line, '\\') || strings.Contains(line, "$'") {
			c.odd = cmp.Or(c.odd, line)
			continue
		}
		path := line[start+1 : max(start+1, strings.LastIndexByte(line, line[start]))]
		c.of[path] = cmp.Or(c.of[path], line)
	}
	return c
}

// about returns what was said of a path.
func (c complaints) about(path string) (complaint string, ok bool) {
	complaint = cmp.Or(c.of[path], c.odd)
	return complaint, complaint != ""
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
	same     string // SHA-256 of the lines of sha256sum of all contents, which are what is known
	unread   map[string]string
	wanted   []string // paths whose contents follow
	contents map[string][]byte
	refused  map[string]string // links, and whose they are
	answers  []strangerAnswer
	about    map[string]int // index in answers, by path; with / at its end: of what is below
}

func readFileLines(lines []string) fileLines {
	l := fileLines{
		stats: make(map[string]FileInfo), targets: make(map[string]string), sums: make(map[string]string), unread: make(map[string]string),
		contents: make(map[string][]byte), refused: make(map[string]string), about: make(map[string]int),
	}
	names := map[string][2]string{"0:0": {"root", "root"}} // user and group, by numbers
	pairs := make(map[string]string)                       // numbers, by path
	var links []string
	answered := 0 // strangers of l.answers
	for _, line := range lines {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "stat":
			if path, pair, info, ok := parseStat(rest); ok {
				l.stats[path], pairs[path] = info, pair
			}
		case "name":
			if fields := strings.Split(rest, "\t"); len(fields) == 3 {
				names[fields[0]] = [2]string{fields[1], fields[2]}
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
				path := a.Dir
				if a.below {
					path += "/"
				}
				if _, ok := l.about[path]; !ok {
					l.about[path] = len(l.answers)
				}
				l.answers = append(l.answers, a)
			}
		case "answer":
			decoded, err := base64.StdEncoding.DecodeString(rest)
			if err != nil {
				continue
			}
			said, contents, _ := bytes.Cut(decoded, []byte("\ncontents\n")) // no line before it is one of a content
			learned, complaints := readFileLines(Reply{Stdout: said}.Lines()), readComplaints(said)
			learned.cutContents(contents, learned.wanted)
			for ; answered < len(l.answers); answered++ {
				l.answers[answered].learned, l.answers[answered].complaints = learned, complaints
			}
		case "sum":
			sum, path, _ := strings.Cut(rest, "  ")
			l.sums[path] = sum
		case "same":
			l.same, _, _ = strings.Cut(rest, " ")
		case "unread":
			if i := strings.LastIndexByte(rest, '\t'); i >= 0 {
				l.unread[rest[:i]] = strings.TrimPrefix(rest[i+1:], "sha256sum: ")
			}
		case "content":
			l.wanted = append(l.wanted, rest)
		case "contents":
			if stream, err := base64.StdEncoding.DecodeString(rest); err == nil {
				l.cutContents(stream, l.wanted)
			}
		}
	}
	for path, info := range l.stats {
		both := names[pairs[path]] // none if it went, or came to somebody else, while its owner's name was asked
		info.Owner, info.Group = both[0], both[1]
		l.stats[path] = info
	}
	return l
}

// cutContents cuts what head -v prints of files, in that order, into their contents: behind a line with its name each. A content
// can look like the beginning of the next one, so their sums decide; what has another one changed meanwhile, or is cut wrongly.
func (l fileLines) cutContents(stream []byte, files []string) {
	index := make(map[string]int, len(files))
	for i, path := range files {
		index[path] = i
	}
	const before, behind = "==> ", " <==\n"
	// begins returns which file's content begins at an offset, behind those up to the one before.
	begins := func(at, after int) (file, start int, ok bool) {
		line, _, found := bytes.Cut(stream[at:], []byte("\n"))
		name, cut := bytes.CutPrefix(append(line, '\n'), []byte(before))
		name, ended := bytes.CutSuffix(name, []byte(behind))
		file, known := index[string(name)]
		return file, at + len(line) + 1, found && cut && ended && known && file > after
	}
	file, start, ok := begins(0, -1)
	for ok {
		want, digest, hashed := l.sums[files[file]], sha256.New(), start
		end, next, nextStart, more, first := len(stream), 0, 0, false, true
		for at := start; ; {
			i := bytes.Index(stream[at:], []byte(before))
			if i < 0 {
				break
			}
			at += i
			n, s, ok := begins(at, file)
			if !ok {
				at += len(before)
				continue
			}
			stops := []int{at}
			if at > start && stream[at-1] == '\n' {
				stops = []int{at - 1, at} // head puts an empty line before it, unless it is the first of its run
			}
			for _, stop := range stops {
				digest.Write(stream[hashed:stop])
				hashed = stop
				same := hex.EncodeToString(digest.Sum(nil)) == want
				if first || same {
					end, next, nextStart, more, first = stop, n, s, true, false
				}
				if same {
					want = "" // found
					break
				}
			}
			if want == "" {
				break
			}
			at += len(before)
		}
		if want != "" && more {
			if digest.Write(stream[hashed:]); hex.EncodeToString(digest.Sum(nil)) == want {
				end, more = len(stream), false
			}
		}
		l.contents[files[file]] = append([]byte{}, stream[start:end]...) // not nil, though empty
		file, start, ok = next, nextStart, more
	}
}

var errChanging = errors.New("it changed while it was looked at")

// complete adds to info what stat doesn't tell and q asks for.
func (l fileLines) complete(info *FileInfo, q FileQuestion) error {
	if info.Owner == "" {
		return errChanging
	}
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

// parseStat reads "%f<tab>%u:%g<tab>%s<tab>%Y<tab>%Z<tab>%n". pair is the numbers of user and group.
func parseStat(line string) (path, pair string, info FileInfo, ok bool) {
	fields := strings.SplitN(line, "\t", 6)
	if len(fields) != 6 {
		return "", "", FileInfo{}, false
	}
	raw, err := strconv.ParseUint(fields[0], 16, 32)
	if err != nil {
		return "", "", FileInfo{}, false
	}
	uid, gid, _ := strings.Cut(fields[1], ":")
	var numbers [5]int64 // uid, gid, size, mtime, ctime
	for i, field := range []string{uid, gid, fields[2], fields[3], fields[4]} {
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return "", "", FileInfo{}, false
		}
	}
	return fields[5], fields[1], FileInfo{
		Type: fileType(raw), Mode: fileMode(raw), UID: int(numbers[0]), GID: int(numbers[1]),
		Size: numbers[2], ModTime: time.Unix(numbers[3], 0), ChTime: time.Unix(numbers[4], 0),
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
