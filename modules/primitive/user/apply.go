package user

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if _, ok := c.Find(""); ok && s.Absent {
		return s.remove(ctx, h, c)
	} else if ok {
		return s.create(ctx, h)
	}
	if err := s.modify(ctx, h, c); err != nil {
		return err
	}
	if _, ok := c.Find("create_home"); ok {
		if err := s.createHome(ctx, h); err != nil {
			return err
		}
	}
	_, hash := c.Find("password_hash")
	_, locked := c.Find("locked")
	return s.setPassword(ctx, h, hash || locked && s.PasswordHash != "", locked)
}

// remove removes the user; userdel(8) removes the home first, so that the next run sees an interrupted removal.
func (s *Step) remove(ctx context.Context, h modules.Host, c modules.Change) error {
	argv := []string{"userdel"}
	if len(c.Edits) > 1 {
		argv = append(argv, "--remove")
	}
	_, err := h.Run(ctx, modules.Command{Argv: append(argv, s.Name)})
	return s.explain(err)
}

// createScript creates the user with the arguments of useradd(8) after the first four, with the primary group $1. If $2
// is yes, a group of that name is created first, with the ID $3 if that is given and free; $4 is --system or empty.
// useradd(8) can create the group, but fails if an interrupted attempt has already created it.
const createScript = `
group=$1 own=$2 number=$3 system=$4 made=
shift 4
if [ "$own" = yes ] && ! getent group -- "$group" >/dev/null; then
	if [ -n "$number" ] && getent group "$number" >/dev/null; then number=; fi
	groupadd $system ${number:+--gid "$number"} "$group"
	made=yes
fi
useradd --no-create-home --gid "$group" $system "$@" || {
	status=$?
	[ -z "$made" ] || groupdel "$group"
	exit $status
}
`

// create makes the account, its home and its password one after the other: the next run sees what a killed one left
// undone.
func (s *Step) create(ctx context.Context, h modules.Host) error {
	group, own, number, system := cmp.Or(s.Group, s.Name), "no", "", ""
	if s.Group == "" {
		own = "yes"
	}
	if s.System {
		system = "--system"
	}
	argv := []string{"sh", "-euc", createScript, "create-user"}
	if s.UID != nil {
		number = strconv.Itoa(*s.UID)
	}
	argv = append(argv, group, own, number, system)
	if s.UID != nil {
		argv = append(argv, "--uid", number)
	}
	if len(s.Groups) > 0 {
		argv = append(argv, "--groups", strings.Join(s.Groups, ","))
	}
	if s.Comment != nil {
		argv = append(argv, "--comment", *s.Comment)
	}
	if s.Home != "" {
		argv = append(argv, "--home-dir", s.Home)
	}
	if s.Shell != "" {
		argv = append(argv, "--shell", s.Shell)
	}
	if _, err := h.Run(ctx, modules.Command{Argv: append(argv, s.Name)}); err != nil {
		return s.explain(err)
	}
	if s.CreateHome {
		if err := s.createHome(ctx, h); err != nil {
			return err
		}
	}
	return s.setPassword(ctx, h, s.PasswordHash != "", s.Locked != nil && *s.Locked)
}

// homeScript creates the home of user $1 as useradd(8) does, but whole or not at all: if useradd is killed while it
// copies /etc/skel, the home looks finished. The script works inside the new directory, so that nobody who may write
// beside it can redirect it.
const homeScript = `
entry=$(getent passwd -- "$1")
rest=${entry#*:*:}; uid=${rest%%:*}
rest=${rest#*:}; gid=${rest%%:*}
rest=${rest#*:*:}; home=${rest%%:*}
[ ! -d "$home" ] || exit 0
mode= mask=022
while read -r key value _; do
	case $key in HOME_MODE) mode=$value ;; UMASK) mask=$value ;; esac
done </etc/login.defs
[ -n "$mode" ] || mode=$(printf %o $((0777 & ~0$mask)))
parent=$(dirname -- "$home")
mkdir -p -- "$parent"
new=$parent/.$(basename -- "$home").rcprov
rm -rf -- "$new"
mkdir -m 0700 -- "$new"
cd -P -- "$new"
[ ! -d /etc/skel ] || cp -a /etc/skel/. .
chown -hR "$uid:$gid" .
chmod "$mode" .
mv -T -- "$new" "$home"
`

func (s *Step) createHome(ctx context.Context, h modules.Host) error {
	_, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", homeScript, "create-home", s.Name}})
	return err
}

// modify makes the edits of the account itself with one usermod(8).
func (s *Step) modify(ctx context.Context, h modules.Host, c modules.Change) error {
	argv := []string{"usermod"}
	for _, e := range c.Edits {
		switch e.Field {
		case "uid":
			argv = append(argv, "--uid", e.To)
		case "group":
			argv = append(argv, "--gid", e.To)
		case "groups":
			argv = append(argv, "--groups", strings.ReplaceAll(e.To, ", ", ","))
		case "comment":
			argv = append(argv, "--comment", e.To)
		case "shell":
			argv = append(argv, "--shell", e.To)
		case "home":
			if err := s.checkMove(ctx, h, e); err != nil {
				return err
			}
			argv = append(argv, "--home", e.To)
		}
	}
	if len(argv) == 1 {
		return nil
	}
	_, err := h.Run(ctx, modules.Command{Argv: append(argv, s.Name)})
	return s.explain(err)
}

// checkMove refuses to point an account away from its files: its authorized_keys may be what lets people in.
func (s *Step) checkMove(ctx context.Context, h modules.Host, home modules.Edit) error {
	const script = `[ -d "$2" ] || [ ! -d "$1" ]`
	_, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-c", script, "check-move", home.From, home.To}})
	var no *modules.CommandError
	if errors.As(err, &no) {
		return modules.WithHint(fmt.Errorf("the home of %s is %s, and %s does not exist", s.Name, home.From, home.To),
			"rcprov does not move homes. `usermod --move-home --home %s %s` on the host does, once the user has no running processes.", home.To, s.Name)
	}
	return err
}

// setPassword sets the hash, which goes to chpasswd's standard input, and locks or unlocks the account.
func (s *Step) setPassword(ctx context.Context, h modules.Host, hash, locked bool) error {
	lock := s.Locked != nil && *s.Locked
	if hash {
		mark := ""
		if lock {
			mark = "!" // so that it is never unlocked
		}
		line := s.Name + ":" + mark + string(s.PasswordHash) + "\n"
		if _, err := h.Run(ctx, modules.Command{Argv: []string{"chpasswd", "--encrypted"}, Stdin: []byte(line)}); err != nil {
			return fmt.Errorf("set the password of %s: %w", s.Name, err)
		}
	}
	if !locked || s.Locked == nil {
		return nil
	}
	argv := []string{"usermod", "--unlock", "--expiredate", "", s.Name}
	if lock {
		argv = []string{"usermod", "--lock", "--expiredate", "1", s.Name}
	}
	_, err := h.Run(ctx, modules.Command{Argv: argv})
	return s.explain(err)
}

// explain adds a hint to common failures, by the exit statuses of useradd(8), usermod(8),
// userdel(8) and groupadd(8), which they share.
func (s *Step) explain(err error) error {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	switch status := failed.Result.Status; {
	case status == 4 && s.UID != nil: // number in use
		return modules.WithHint(err, "`getent passwd %d` shows which user has this uid; choose another one.", *s.UID)
	case status == 6: // no such group
		return modules.WithHint(err, "Add a `group` step for it before this one.")
	case status == 8: // the user is logged in or has processes
		return modules.WithHint(err, "The user was not changed. Stop its services, end its sessions with `loginctl terminate-user %s`, then run the same command again.", s.Name)
	}
	return err
}
