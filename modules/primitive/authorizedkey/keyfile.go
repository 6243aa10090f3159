package authorizedkey

import (
	_ "embed"
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

var (
	//go:embed account.sh
	accountFunctions string

	//go:embed look.sh
	lookScript string

	//go:embed read.sh
	readScript string
)

// keyFiles answers what a user's authorized_keys file holds. It is read with the user's rights, as sshd does: root
// would read any file of the host that a user puts a link to. If home, directory and file belong to the user, who may read them,
// and are no links, one program does.
var keyFiles = &observe.Kind[question, keyFile]{
	Name: "authorized keys",
	Cost: 10,
	Script: func(questions []question) string {
		names := make([]string, len(questions))
		var words []string
		for i, q := range questions {
			names[i] = q.User
			words = append(words, strconv.Itoa(i), q.User, q.Path)
		}
		slices.Sort(names)
		return shell.Script(accountFunctions+lookScript, shell.Vars{
			"names": strings.Join(slices.Compact(names), " "), "questions": shell.QuoteAll(words),
			"read": shell.Script(readScript, nil),
		})
	},
	Parse:  parseKeyFiles,
	Future: futureKeyFile,
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
