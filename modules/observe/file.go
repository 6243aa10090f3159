package observe

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
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

// FileInfo is what a host says of a path, symbolic links not followed.
type FileInfo struct {
	Type    FileType
	Mode    fs.FileMode // permission bits with fs.ModeSetuid, ModeSetgid, ModeSticky
	UID     int
	GID     int
	Owner   string // user name, "UNKNOWN" without one
	Group   string
	Size    int64 // bytes
	ModTime time.Time
	ChTime  time.Time // ctime: last change of content or metadata; nobody can set it back
	Target  string    // of a symbolic link
	SHA256  string    // of a regular file, lower-case hex; only when Content was asked
	Content []byte    // nil when it was not asked for, matched UnlessSHA256 or is larger than MaxContent
}

// File answers what a path is. Access rights do not matter to root, but a missing parent directory counts as
// Absent and a file in its place as well (ENOTDIR); any other failure (an I/O error, a stale NFS handle) is "could
// not tell".
//
// stat(1) of GNU coreutils 9 and of uutils 0.8 agree on the format letters used: %f (raw mode, hex), %u %g %U %G,
// %s, %Y %Z (seconds), %N is avoided (its quoting differs); links are read by readlink(1).
var File = &Kind[FileQuestion, FileInfo]{Name: "file", Script: fileScript, Parse: parseFiles}

// The script prints a line for each thing it learned: "stat ... PATH", "link PATH<tab>TARGET", "sum SHA256  PATH" and
// "content PATH<tab>BASE64". Programs are called once for all files: starting them is what takes the time.
func fileScript(questions []FileQuestion) string {
	var b strings.Builder
	b.WriteString("set --")
	for _, q := range questions {
		b.WriteString(" " + Quote(q.Path))
	}
	b.WriteString("\nstat -c 'stat %f %u %g %U %G %s %Y %Z %n' -- \"$@\"\n")
	b.WriteString("for f do if [ -L \"$f\" ]; then printf 'link %s\\t' \"$f\"; readlink -- \"$f\"; fi; done\n")

	// Only regular files that are no links are read: a FIFO would hang.
	const readable = "if [ -f \"$f\" ] && [ ! -L \"$f\" ]; then "
	var plain, escaped, unless []string
	for _, q := range questions {
		switch {
		case !q.Content:
			continue
		case strings.Contains(q.Path, `\`): // sha256sum prints such a path escaped
			escaped = append(escaped, Quote(q.Path))
		default:
			plain = append(plain, Quote(q.Path))
		}
		if q.UnlessSHA256 != "" {
			unless = append(unless, "'"+q.UnlessSHA256+"  '"+Quote(q.Path))
		}
	}
	if len(plain)+len(escaped) == 0 {
		return b.String()
	}
	b.WriteString("{\nset --\n")
	if len(plain) > 0 {
		fmt.Fprintf(&b, "for f in %s; do %sset -- \"$@\" \"$f\"; fi; done\n", strings.Join(plain, " "), readable)
		b.WriteString("[ $# -eq 0 ] || sha256sum -- \"$@\"\n")
	}
	if len(escaped) > 0 {
		fmt.Fprintf(&b, "for f in %s; do %ss=$(sha256sum <\"$f\") && printf '%%s  %%s\\n' \"${s%%%% *}\" \"$f\"; fi; done\n",
			strings.Join(escaped, " "), readable)
	}
	b.WriteString("} | while IFS= read -r line; do\nprintf 'sum %s\\n' \"$line\"\n")
	if len(unless) > 0 {
		fmt.Fprintf(&b, "case $line in %s) continue ;; esac\n", strings.Join(unless, "|"))
	}
	fmt.Fprintf(&b, `f=${line#*  }
if [ "$(stat -c %%s -- "$f")" -le %d ]; then printf 'content %%s\t' "$f"; base64 -w0 -- "$f"; echo; fi
done
`, MaxContent)
	return b.String()
}

func parseFiles(questions []FileQuestion, reply Reply) map[FileQuestion]Answer[FileInfo] {
	found := make(map[string]*Answer[FileInfo])
	sums := make(map[string]string)
	contents := make(map[string][]byte)
	for _, line := range reply.Lines() {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "stat":
			path, info, err := parseStat(rest)
			found[path] = &Answer[FileInfo]{Value: info, Err: err}
		case "link":
			path, target, _ := strings.Cut(rest, "\t")
			if a := found[path]; a != nil {
				a.Value.Target = target
			}
		case "sum":
			sum, path, _ := strings.Cut(rest, "  ")
			sums[path] = sum
		case "content":
			path, encoded, _ := strings.Cut(rest, "\t")
			if content, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				contents[path] = append([]byte{}, content...) // not nil, though empty
			}
		}
	}
	answers := make(map[FileQuestion]Answer[FileInfo])
	for _, q := range questions {
		a, ok := found[q.Path]
		if !ok {
			answers[q] = Answer[FileInfo]{Err: missing(q.Path, reply)}
			continue
		}
		answer := *a
		if answer.Err == nil && q.Content && answer.Value.Type == Regular {
			if answer.Value.SHA256 = sums[q.Path]; answer.Value.SHA256 == "" {
				answer.Err = complaint(q.Path, reply)
			} else if answer.Value.SHA256 != q.UnlessSHA256 {
				answer.Value.Content = contents[q.Path]
			}
		}
		answers[q] = answer
	}
	return answers
}

// parseStat reads "%f %u %g %U %G %s %Y %Z %n".
func parseStat(line string) (path string, info FileInfo, err error) {
	fields := strings.SplitN(line, " ", 9)
	if len(fields) != 9 {
		return "", FileInfo{}, fmt.Errorf("stat answered %q", line)
	}
	raw, err := strconv.ParseUint(fields[0], 16, 32)
	if err != nil {
		return fields[8], FileInfo{}, fmt.Errorf("stat answered mode %q", fields[0])
	}
	var numbers [5]int64 // uid, gid, size, mtime, ctime
	for i, field := range []string{fields[1], fields[2], fields[5], fields[6], fields[7]} {
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return fields[8], FileInfo{}, fmt.Errorf("stat answered %q", line)
		}
	}
	info = FileInfo{
		Type: fileType(raw), Mode: fileMode(raw),
		UID: int(numbers[0]), GID: int(numbers[1]), Owner: fields[3], Group: fields[4],
		Size: numbers[2], ModTime: time.Unix(numbers[3], 0), ChTime: time.Unix(numbers[4], 0),
	}
	return fields[8], info, nil
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

// missing is the error for a path that stat said nothing about: nil when it is not there.
func missing(path string, reply Reply) error {
	benign := func(line string) bool {
		return strings.HasSuffix(line, ": No such file or directory") || strings.HasSuffix(line, ": Not a directory")
	}
	complaints, all := 0, true
	for line := range strings.Lines(string(reply.Stderr)) {
		line = strings.TrimSpace(line)
		complaints++
		if strings.Contains(line, path) {
			if benign(line) {
				return nil
			}
			return errors.New(line)
		}
		all = all && benign(line)
	}
	if complaints > 0 && all {
		return nil // a path that stat quotes in its message
	}
	return reply.failure()
}

// complaint is what a program said about path, on standard error.
func complaint(path string, reply Reply) error {
	for line := range bytes.Lines(reply.Stderr) {
		if bytes.Contains(line, []byte(path)) {
			return errors.New(strings.TrimSpace(string(line)))
		}
	}
	return reply.failure()
}
