package authorizedkey

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// question asks for the file in which sshd looks for a user's keys.
type question struct {
	User string
	Path string // empty: ~/.ssh/authorized_keys, where only the host knows what ~ is
}

// keyFile is a user's authorized_keys file, as the user sees it. Links are followed.
type keyFile struct {
	UserExists bool
	UID        int
	Path       string
	Home       node
	Dir        node
	File       node
	Content    []byte
}

// node is a file or directory on the path of the keys; the zero value is an absent one.
type node struct {
	Exists bool
	Raw    uint32 // st_mode, inode(7)
	UID    int
}

func (n node) regular() bool { return n.Raw&0o170000 == 0o100000 }

// strict reports whether StrictModes of sshd_config(5) accepts n on the path of a user's keys.
func (n node) strict(uid int) bool {
	return !n.Exists || n.Raw&0o022 == 0 && (n.UID == 0 || n.UID == uid)
}

// accountScript splits a line of passwd(5), $entry, into uid, gid and home, and sets path to the file of the keys: $1
// unless that is empty. It also defines as_user, which runs a command with the rights of that user: by
// setpriv(1), because runuser(1) opens a PAM session, which the host logs each time.
const accountScript = `
rest=${entry#*:*:}; uid=${rest%%:*}
rest=${rest#*:}; gid=${rest%%:*}
rest=${rest#*:*:}; home=${rest%%:*}
path=${1:-$home/.ssh/authorized_keys}
as_user() {
	me=${me:-$(id -u)}
	if [ "$uid" = "$me" ]; then "$@"; else setpriv --reuid="$uid" --regid="$gid" --init-groups -- "$@"; fi
}
`

// readScript prints what the user whose file is $3 sees: a line "stat MODE UID PATH" for each of home $2, directory
// and file, and "content BASE64". $1 goes before each line.
const readScript = `
IFS="
"
for line in $(stat -L -c "$1 stat %f %u %n" -- "$2" "${3%/*}" "$3" 2>&1); do
	case $line in "$1 "*) printf "%s\n" "$line" ;; *) printf "%s error %s\n" "$1" "$line" ;; esac
done
if [ -f "$3" ]; then
	printf "%s content " "$1"
	if base64 -w0 <"$3" 2>/dev/null; then echo; else printf "\n%s unreadable\n" "$1"; fi
fi
`

// lookScript looks for all users at once: $names are their names. Then `who INDEX NAME PATH` is to be called for each
// question, and after what is in statScript `look INDEX NAME PATH`, and readPlainScript.
const lookScript = `
set -f
nl='
' paths= plain=
entries=$(getent passwd -- $names); status=$?
account() {
	IFS=$nl
	for entry in $entries; do
		case $entry in "$1":*) ;; *) continue ;; esac
		set -- "$2"
		` + accountScript + `
		return
	done
	return 1
}
who() {
	account "$2" "$3" || { [ "$status" != 2 ] || echo "$1 nobody"; return; }
	printf '%s user %s %s\n%s home %s\n' "$1" "$uid" "$path" "$1" "$home"
	[ -n "$3" ] || paths=$paths$nl$home$nl${path%/*}$nl$path
}
known() {
	for line in $stats; do
		case $line in "$uid $2 "*) printf '%s stat %s %s %s\n' "$1" "${line##* }" "$uid" "$2" ;; esac
	done
}
ordinary() {
	case $nl$stats in *"$nl$uid $home dr"?x*) ;; *) return 1 ;; esac
	case $nl$stats in
	*"$nl$uid ${path%/*} dr"?x*) ;;
	*" ${path%/*} "*) return 1 ;;
	*) known "$1" "$home"; return ;;
	esac
	case $nl$stats in
	*"$nl$uid $path -r"*) plain=$plain$nl$path; echo "$1 plain" ;;
	*" $path "*) return 1 ;;
	esac
	known "$1" "$home"; known "$1" "${path%/*}"; known "$1" "$path"
}
look() {
	account "$2" "$3" || return
	if [ -n "$3" ] || ! ordinary "$1"; then as_user sh -c "$read" read "$1" "$home" "$path"; fi
}
`

// statScript and readPlainScript ask about the files that are in the default place.
const (
	statScript = `
IFS=$nl
stats=
[ -z "$paths" ] || stats=$(stat -c '%u %n %A %f' -- $paths 2>/dev/null)
`
	readPlainScript = `
IFS=$nl
[ -z "$plain" ] || grep -aH '' -- $plain
`
)

// keyFiles answers what a user's authorized_keys file holds. It is read with the user's rights, as sshd does: root
// would read any file of the host that a user puts a link to. Starting programs as each user is
// slow, so where home, directory and file are neither links nor another's, and the user may read them, root does.
var keyFiles = &observe.Kind[question, keyFile]{
	Name: "authorized keys",
	Script: func(questions []question) string {
		names := make([]string, len(questions))
		var who, look strings.Builder
		for i, q := range questions {
			names[i] = q.User
			words := fmt.Sprintf("%d %s %s\n", i, shell.Quote(q.User), shell.Quote(q.Path))
			who.WriteString("who " + words)
			look.WriteString("look " + words)
		}
		slices.Sort(names)
		return "names=" + shell.Quote(strings.Join(slices.Compact(names), " ")) + "\nread=" + shell.Quote(readScript) +
			lookScript + who.String() + statScript + look.String() + readPlainScript
	},
	Parse: parseKeyFiles,
}

func parseKeyFiles(questions []question, reply observe.Reply) map[question]observe.Answer[keyFile] {
	answers := make(map[question]observe.Answer[keyFile])
	homes := make(map[question]string)
	plain := make(map[string][]question) // by path
	for _, line := range reply.Lines() {
		if path, text, ok := strings.Cut(line, ":"); ok && plain[path] != nil {
			for _, q := range plain[path] {
				a := answers[q]
				a.Value.Content = append(a.Value.Content, text+"\n"...)
				answers[q] = a
			}
			continue
		}
		number, rest, _ := strings.Cut(line, " ")
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(questions) {
			continue
		}
		q := questions[i]
		a := answers[q]
		what, rest, _ := strings.Cut(rest, " ")
		switch what {
		case "nobody":
		case "user":
			uid, path, _ := strings.Cut(rest, " ")
			a.Value.UserExists, a.Value.Path = true, path
			a.Value.UID, a.Err = strconv.Atoi(uid)
		case "home":
			homes[q] = rest
		case "stat":
			a.Err = errors.Join(a.Err, a.Value.addStat(rest, homes[q]))
		case "plain":
			plain[a.Value.Path] = append(plain[a.Value.Path], q)
			a.Value.Content = []byte{}
			if reply.Status > 1 { // of grep
				a.Err = errors.New(strings.TrimSpace(string(reply.Stderr)))
			}
		case "content":
			content, err := base64.StdEncoding.DecodeString(rest)
			a.Value.Content, a.Err = content, errors.Join(a.Err, err)
		case "unreadable":
			a.Err = &unreadableError{User: q.User, Path: a.Value.Path}
		case "error":
			said, _, _ := strings.Cut(rest, " (os error ") // uutils 0.0.30 on Debian 13
			switch {
			case strings.HasSuffix(said, ": No such file or directory"), strings.HasSuffix(said, ": Not a directory"):
			case strings.HasSuffix(said, ": Permission denied"):
				a.Err = &unreadableError{User: q.User, Path: a.Value.Path}
			default:
				a.Err = errors.New(rest)
			}
		}
		answers[q] = a
	}
	for q, a := range answers {
		if a.Err == nil && a.Value.File.regular() && a.Value.Content == nil {
			a.Err = fmt.Errorf("the host did not send %s", a.Value.Path)
			answers[q] = a
		}
	}
	return answers
}

// addStat reads "MODE UID PATH".
func (f *keyFile) addStat(line, home string) error {
	fields := strings.SplitN(line, " ", 3)
	if len(fields) != 3 {
		return fmt.Errorf("stat answered %q", line)
	}
	raw, err := strconv.ParseUint(fields[0], 16, 32)
	if err != nil {
		return fmt.Errorf("stat answered %q", line)
	}
	uid, err := strconv.Atoi(fields[1])
	if err != nil {
		return fmt.Errorf("stat answered %q", line)
	}
	n := node{Exists: true, Raw: uint32(raw), UID: uid}
	if fields[2] == home {
		f.Home = n
	}
	switch fields[2] {
	case f.Path:
		f.File = n
	case f.Path[:max(strings.LastIndexByte(f.Path, '/'), 0)]:
		f.Dir = n
	}
	return nil
}

// unreadableError is the error for a user who may not read its own keys: sshd cannot read them either.
type unreadableError struct{ User, Path string }

func (e *unreadableError) Error() string {
	return fmt.Sprintf("%s may not read %s, so sshd can't either", e.User, e.Path)
}
