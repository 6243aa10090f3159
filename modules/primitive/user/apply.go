package user

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w, _ := c.Work.(work)
	switch {
	case w.remove:
		return s.remove(ctx, h, w)
	case w.create:
		return s.create(ctx, h)
	}
	if err := s.modify(ctx, h, w); err != nil {
		return err
	}
	if w.createHome != "" {
		if err := s.createHome(ctx, h); err != nil {
			return err
		}
	}
	return s.setPassword(ctx, h, w.password || w.lock != nil && s.PasswordHash != "", w.lock != nil)
}

var (
	//go:embed remove.sh
	removeScript string

	//go:embed removehome.sh
	removeHomeScript string
)

// remove removes the user, and its home before it.
func (s *Step) remove(ctx context.Context, h modules.Host, w work) error {
	if !s.RemoveHome {
		_, err := h.Run(ctx, modules.Command{Argv: []string{"userdel", s.Name}})
		return s.explain(err)
	}
	script := hostfile.Script(removeScript, shell.Vars{"name": s.Name}, shell.Vars{"remover": removeHomeScript})
	_, err := h.Run(ctx, modules.Command{Script: script})
	what := cmp.Or(w.removeHome, "/var/mail/"+s.Name)
	return s.explain(modules.FileHint(modules.DoorError(err, what), what))
}

//go:embed create.sh
var createScript string

// create makes the account, its home and its password one after the other: the next run sees what a killed one left
// undone.
func (s *Step) create(ctx context.Context, h modules.Host) error {
	var options []string
	number := ""
	if s.UID != nil {
		number = strconv.Itoa(*s.UID)
		options = append(options, "--uid", number)
	}
	if len(s.Groups) > 0 {
		options = append(options, "--groups", strings.Join(s.Groups, ","))
	}
	if s.Comment != nil {
		options = append(options, "--comment", *s.Comment)
	}
	if s.Home != "" {
		options = append(options, "--home-dir", s.Home)
	}
	if s.Shell != "" {
		options = append(options, "--shell", s.Shell)
	}
	if s.Expires != "" {
		options = append(options, "--expiredate", expiryOption(s.Expires))
	}
	script := shell.Script(createScript, shell.Vars{
		"name": s.Name, "group": cmp.Or(s.Group, s.Name), "own_group": shell.YesNo(s.Group == ""), "gid": number,
		"system": shell.YesNo(s.System), "options": shell.QuoteAll(options),
	})
	if _, err := h.Run(ctx, modules.Command{Script: script}); err != nil {
		return s.explain(err)
	}
	if s.createsHome(observe.UserInfo{}) {
		if err := s.createHome(ctx, h); err != nil {
			return err
		}
	}
	return s.setPassword(ctx, h, s.PasswordHash != "", s.Locked != nil && *s.Locked)
}

//go:embed home.sh
var homeScript string

//go:embed makehome.sh
var makeHomeScript string

func (s *Step) createHome(ctx context.Context, h modules.Host) error {
	script := hostfile.Script(homeScript, shell.Vars{"name": s.Name}, shell.Vars{"maker": makeHomeScript})
	_, err := h.Run(ctx, modules.Command{Script: script})
	home := cmp.Or(s.Home, "/home/"+s.Name)
	return modules.FileHint(modules.DoorError(err, home), home)
}

// modify changes the account itself with one usermod(8).
func (s *Step) modify(ctx context.Context, h modules.Host, w work) error {
	argv := []string{"usermod"}
	if w.uid != nil {
		argv = append(argv, "--uid", strconv.Itoa(w.uid.to))
	}
	if w.group != nil {
		argv = append(argv, "--gid", w.group.to)
	}
	if w.groups != nil {
		argv = append(argv, "--groups", strings.Join(w.groups.to, ","))
	}
	if w.comment != nil {
		argv = append(argv, "--comment", w.comment.to)
	}
	if w.shell != nil {
		argv = append(argv, "--shell", w.shell.to)
	}
	if w.home != nil {
		if err := s.checkMove(ctx, h, *w.home); err != nil {
			return err
		}
		argv = append(argv, "--home", w.home.to)
	}
	if w.expires != nil {
		argv = append(argv, "--expiredate", expiryOption(w.expires.to))
	}
	if len(argv) == 1 {
		return nil
	}
	_, err := h.Run(ctx, modules.Command{Argv: append(argv, s.Name)})
	return s.explain(err)
}

// expiryOption is a day as usermod(8) takes it whatever the host's time zone is, a number; empty: never.
func expiryOption(expires string) string {
	day, err := expiry(expires)
	if err != nil || day == 0 {
		return ""
	}
	return strconv.Itoa(day)
}

// checkMove refuses to point an account away from its files: its authorized_keys may be what lets people in.
func (s *Step) checkMove(ctx context.Context, h modules.Host, home move[string]) error {
	const script = `[ -d "$2" ] || [ ! -d "$1" ]`
	_, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-c", script, "check-move", home.from, home.to}})
	var no *modules.CommandError
	if errors.As(err, &no) {
		return s.refuseMove(home.from)
	}
	return err
}

// refuseMove is the error for a new home that is missing while the old one is there.
func (s *Step) refuseMove(from string) error {
	return modules.WithHint(fmt.Errorf("the home of %s is %s, and %s does not exist", s.Name, from, s.Home),
		"rcprov does not move homes. `usermod --move-home --home %s %s` on the host does, once the user has no running processes.", s.Home, s.Name)
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
		return modules.WithHint(err, busyHint, s.Name)
	}
	return err
}
