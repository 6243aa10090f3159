package observe

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/shell"
)

// UserInfo is what a host's user database says of a user.
type UserInfo struct {
	Exists  bool
	UID     int
	GID     int
	Group   string // name of the primary group; empty when no group has that number
	Comment string // the whole GECOS field
	Home    string
	HomeIs  bool // Home is a directory, or a link to one
	Shell   string
	Groups  []string // supplementary groups, sorted, without the primary one unless it lists the user as well

	// Unshadowed tells that the password, or that there is none, stands in passwd(5) itself: shadow(5) has no say then.
	Unshadowed bool
}

//go:embed user.sh
var userScript string

// User answers who a user is; the subject is a name, which must not be a number. It asks the name service switch
// once for all users, so users of LDAP are seen too. A directory service that is down can't be told from a user that
// it doesn't know: getent(1) exits with 2 for both (glibc 2.36 and 2.41).
//
// Supplementary groups are asked of `getent initgroups`, which answers for many users in one process, where id(1) of
// GNU coreutils needs one each for a form that can be parsed.
var User = &Kind[string, UserInfo]{
	Name: "user",
	Cost: 6,
	Script: func(names []string) string {
		return shell.Script(userScript, shell.Vars{"names": shell.QuoteAll(names)})
	},
	Parse: parseUsers, Future: futureUser,
}

func parseUsers(names []string, reply Reply) map[string]Answer[UserInfo] {
	found := make(map[string]Answer[UserInfo])
	groupNames := make(map[int]string)
	memberships := make(map[string][]int)
	for _, line := range reply.Lines() {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "passwd":
			name, info, err := parsePasswd(rest)
			found[name] = Answer[UserInfo]{Value: info, Err: err}
		case "init":
			words := strings.Fields(rest)
			if len(words) == 0 {
				continue
			}
			for _, word := range words[1:] {
				if gid, err := strconv.Atoi(word); err == nil {
					memberships[words[0]] = append(memberships[words[0]], gid)
				}
			}
		case "group":
			number, name, _ := strings.Cut(rest, " ")
			if gid, err := strconv.Atoi(number); err == nil {
				groupNames[gid] = name
			}
		}
	}
	answers := make(map[string]Answer[UserInfo])
	for _, name := range names {
		a, ok := found[name]
		switch {
		case !ok && (reply.Status == 0 || reply.Status == getentNotFound):
			answers[name] = Answer[UserInfo]{}
			continue
		case !ok:
			answers[name] = Answer[UserInfo]{Err: reply.failure()}
			continue
		}
		a.Value.Group = groupNames[a.Value.GID]
		for _, gid := range memberships[name] {
			group, ok := groupNames[gid]
			if !ok {
				group = strconv.Itoa(gid)
			}
			a.Value.Groups = append(a.Value.Groups, group)
		}
		slices.Sort(a.Value.Groups)
		answers[name] = a
	}
	return answers
}

// getentNotFound is getent's exit status when it has no entry for one or more of the keys.
const getentNotFound = 2

// parsePasswd reads "yes:" or "no:" (whether the home is a directory) and a line of passwd(5).
func parsePasswd(line string) (name string, info UserInfo, err error) {
	fields := strings.Split(line, ":")
	if len(fields) != 8 {
		return "", UserInfo{}, fmt.Errorf("getent passwd answered %q", line)
	}
	name = fields[1]
	info = UserInfo{Exists: true, Comment: fields[5], Home: fields[6], HomeIs: fields[0] == "yes", Shell: fields[7]}
	info.Unshadowed = fields[2] == "" || fields[2][0] == '$'
	if info.UID, err = strconv.Atoi(fields[3]); err != nil {
		return name, UserInfo{}, fmt.Errorf("getent passwd answered %q", line)
	}
	if info.GID, err = strconv.Atoi(fields[4]); err != nil {
		return name, UserInfo{}, fmt.Errorf("getent passwd answered %q", line)
	}
	return name, info, nil
}

// GroupQuestion asks for one group.
type GroupQuestion struct {
	Name string // must not be a number

	// PrimaryOf asks whose primary group it is, which needs a look at all users.
	PrimaryOf bool
}

// GroupInfo is what a host's group database says of a group.
type GroupInfo struct {
	Exists    bool
	GID       int
	Members   []string // as the group lists them
	PrimaryOf []string // users that have it as their primary group; only when asked
}

//go:embed group.sh
var groupScript string

// Group answers what a group is. As with [User], a directory service that is down looks like a group that is not
// there.
var Group = &Kind[GroupQuestion, GroupInfo]{
	Name: "group",
	Script: func(questions []GroupQuestion) string {
		names, users := make([]string, len(questions)), false
		for i, q := range questions {
			names[i] = q.Name
			users = users || q.PrimaryOf
		}
		return shell.Script(groupScript, shell.Vars{"names": shell.QuoteAll(names), "users": shell.YesNo(users)})
	},
	Parse: parseGroups, Future: futureGroup,
}

// parseGroups reads lines of group(5), an empty line, and "USER:GID" for each user.
func parseGroups(questions []GroupQuestion, reply Reply) map[GroupQuestion]Answer[GroupInfo] {
	groups, users, _ := strings.Cut("\n"+string(reply.Stdout), "\n\n")
	primary := make(map[string][]string)
	for line := range strings.Lines(users) {
		if user, gid, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			primary[gid] = append(primary[gid], user)
		}
	}
	found := make(map[string]Answer[GroupInfo])
	for line := range strings.Lines(groups) {
		fields := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(fields) != 4 {
			continue
		}
		a := Answer[GroupInfo]{Value: GroupInfo{Exists: true, PrimaryOf: primary[fields[2]]}}
		a.Value.GID, a.Err = strconv.Atoi(fields[2])
		if fields[3] != "" {
			a.Value.Members = strings.Split(fields[3], ",")
		}
		found[fields[0]] = a
	}
	answers := make(map[GroupQuestion]Answer[GroupInfo])
	for _, q := range questions {
		a, ok := found[q.Name]
		if !ok && reply.Status != 0 && reply.Status != getentNotFound {
			a.Err = reply.failure()
		}
		if !q.PrimaryOf {
			a.Value.PrimaryOf = nil
		}
		answers[q] = a
	}
	return answers
}

// PasswordState is what shadow(5) holds for a password.
type PasswordState int

// Password states. The zero value is NoPassword.
const (
	NoPassword     PasswordState = iota // nothing that a password could match: "*", "!"
	EmptyPassword                       // an empty field: no password is asked for
	HashedPassword                      // a hash, which may be locked
)

// ShadowInfo is what a host's shadow database says of a user's password and account. It does not hold the hash.
type ShadowInfo struct {
	Exists      bool
	Password    PasswordState
	Fingerprint string // of the hash, see [PasswordFingerprint]; the mark that locks it is left out
	Locked      bool   // the field begins with "!": no password matches
	Expires     int    // day since 1970-01-01 from which on no login is accepted; 0: never
	Expired     bool   // that day has come, by the host's clock
}

//go:embed shadow.sh
var shadowScript string

// Shadow answers for a user's password; the subject is the user's name. The hash does not leave the host: what is
// compared is its SHA-256.
//
// Source: shadow(5), usermod(8) on --lock.
var Shadow = &Kind[string, ShadowInfo]{
	Name: "password of user",
	Script: func(names []string) string {
		return shell.Script(shadowScript, shell.Vars{"names": shell.QuoteAll(names)})
	},
	Parse: parseShadow,
}

// parseShadow reads "NAME:LOCKED:SUM:EXPIRES:TODAY" for each user.
func parseShadow(names []string, reply Reply) map[string]Answer[ShadowInfo] {
	found := make(map[string]Answer[ShadowInfo])
	for _, line := range reply.Lines() {
		fields := strings.Split(line, ":")
		if len(fields) != 5 {
			continue
		}
		info := ShadowInfo{Exists: true, Locked: fields[1] == "yes"}
		switch {
		case len(fields[2]) == hex.EncodedLen(sha256.Size):
			info.Password, info.Fingerprint = HashedPassword, fields[2]
		case fields[2] == "" && !info.Locked:
			info.Password = EmptyPassword
		}
		today, err := strconv.Atoi(fields[4])
		if err == nil && fields[3] != "" {
			info.Expires, err = strconv.Atoi(fields[3])
			info.Expires = max(info.Expires, 0) // chage(1) -E -1 removes the date
			info.Expired = info.Expires > 0 && today >= info.Expires
		}
		if err != nil {
			err = fmt.Errorf("getent shadow answered day %q", fields[3])
		}
		found[fields[0]] = Answer[ShadowInfo]{Value: info, Err: err}
	}
	answers := make(map[string]Answer[ShadowInfo])
	for _, name := range names {
		a, ok := found[name]
		if !ok && reply.Status != 0 && reply.Status != getentNotFound {
			a.Err = reply.failure()
		}
		answers[name] = a
	}
	return answers
}

// PasswordFingerprint returns what identifies a password hash in a [ShadowInfo] without being one.
func PasswordFingerprint(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:])
}

// CheckAccountName tells what is wrong with the name of a user or group, to read on after the argument's name. It
// accepts what Debian's useradd(8) and groupadd(8) do, which is more than POSIX's portable names.
func CheckAccountName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("must not be empty")
	case len(name) > 32:
		return fmt.Errorf("must not be longer than 32 characters: %q", name)
	case strings.Trim(name, "0123456789") == "":
		return fmt.Errorf("must not be a number: %q", name)
	case strings.ContainsAny(name[:1], "-+~") || strings.ContainsAny(name, ":,/ \t\n\\\"'") || !printableASCII(name):
		return fmt.Errorf("must be a name of letters, digits, \".\", \"-\" and \"_\", not %q", name)
	}
	return nil
}

func printableASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '!' || r > '~' }) < 0
}
