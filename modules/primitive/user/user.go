package user

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module user.
func Module() modules.Module { return modules.Primitive("user", source, New) }

// Step is a user account that a host should have, or not.
type Step struct {
	Name            string
	UID             *int   // nil: any
	Group           string // empty: any; a new user's is named like the user
	Groups          []string
	ExclusiveGroups bool
	Comment         *string // nil: any
	Home            string  // empty: any
	CreateHome      *bool   // nil: see createsHome
	Shell           string  // empty: any
	System          bool
	PasswordHash    modules.Secret // empty: any
	Locked          *bool          // nil: any
	Expires         string         // "2027-01-31", "never"; empty: any
	Absent          bool
	RemoveHome      bool
}

var _ modules.Step = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{
		Name: args.Name, UID: args.UID, Group: args.Group, Groups: args.Groups, ExclusiveGroups: args.ExclusiveGroups,
		Comment: args.Comment, Home: args.Home, CreateHome: args.CreateHome, Shell: args.Shell, System: args.System,
		PasswordHash: args.PasswordHash, Locked: args.Locked, Expires: args.Expires,
		Absent: args.State == "absent", RemoveHome: args.RemoveHome,
	}
	var errs []error
	wrong := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	wrong("name", observe.CheckAccountName(s.Name))
	if s.UID != nil && (*s.UID < 0 || *s.UID >= 1<<32-1) { // (uid_t)-1 means "unchanged" to chown(2)
		errs = append(errs, modules.Argf("uid", "must be from 0 to 4294967294, not %d", *s.UID))
	}
	if s.Group != "" {
		wrong("group", observe.CheckAccountName(s.Group))
	}
	for _, group := range s.Groups {
		wrong("groups", observe.CheckAccountName(group))
	}
	if s.Comment != nil && strings.ContainsAny(*s.Comment, ":\n") {
		errs = append(errs, modules.Argf("comment", "must not contain a colon or a newline"))
	}
	for _, a := range []struct{ arg, path string }{{"home", s.Home}, {"shell", s.Shell}} {
		if a.path == "" {
			continue
		}
		wrong(a.arg, modules.CheckPath(a.path))
		if strings.Contains(a.path, ":") {
			errs = append(errs, modules.Argf(a.arg, "must not contain a colon: %q", a.path))
		}
	}
	if s.PasswordHash != "" {
		if err := checkHash(string(s.PasswordHash)); err != nil {
			errs = append(errs, &modules.ArgError{
				Arg: "password_hash", Err: err, Hint: "`mkpasswd --method=yescrypt` and `openssl passwd -6` ask for a password and print its hash.",
			})
		}
	}
	if s.Expires != "" {
		if _, err := expiry(s.Expires); err != nil {
			errs = append(errs, modules.Argf("expires", "%w", err))
		}
		if s.Locked != nil {
			errs = append(errs, modules.Argf("expires", "conflicts with locked, which sets the day as well"))
		}
	}
	if s.Name == "root" && s.Absent {
		errs = append(errs, modules.Argf("name", "the user root can't be removed"))
	}
	if s.RemoveHome && !s.Absent {
		errs = append(errs, modules.Argf("remove_home", "requires state = \"absent\""))
	}
	return s, errors.Join(errs...)
}

// checkHash returns what is wrong with a crypt(3) hash without repeating it: it may be a plaintext password.
//
// Source: crypt(5), "Available hashing methods": all current ones begin with $ID$. DES and its variants are left out.
func checkHash(hash string) error {
	if strings.ContainsAny(hash, ":\n \t") {
		return errors.New("must not contain colons or white space")
	}
	parts := strings.Split(hash, "$")
	if len(parts) < 4 || parts[0] != "" || parts[1] == "" || len(parts[len(parts)-1]) < 22 {
		return errors.New("is not a hash in crypt(3) format, which looks like \"$y$j9T$...\" or \"$6$...\"")
	}
	return nil
}

// asksShadow reports whether the step depends on the password's state.
func (s *Step) asksShadow() bool {
	return !s.Absent && (s.PasswordHash != "" || s.Locked != nil || s.Expires != "")
}

// never is the word for no day of expiry.
const never = "never"

// expiry returns the day as shadow(5) counts, from 1970-01-01 on; 0: never.
func expiry(text string) (day int, err error) {
	if text == never {
		return 0, nil
	}
	date, err := time.Parse(time.DateOnly, text)
	if day = int(date.Unix() / (24 * 60 * 60)); err != nil || day < 1 {
		return 0, fmt.Errorf("must be a day such as \"2027-01-31\", or \"never\", not %q", text)
	}
	return day, nil
}

// showExpiry returns a day of shadow(5) for people, as a plan has it.
func showExpiry(day int) string {
	if day == 0 {
		return never
	}
	return time.Unix(int64(day)*24*60*60, 0).UTC().Format(time.DateOnly)
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.User.Ask(q, s.Name)
	if s.asksShadow() {
		observe.Shadow.Ask(q, s.Name)
	}
	if s.Absent && s.RemoveHome {
		homes.Ask(q, s.Name)
	}
	if s.ownGroup() {
		observe.Group.Ask(q, s.groupQuestion())
	}
	if s.asksBusy() {
		busy.Ask(q, s.account())
	}
	if s.asksHome() {
		observe.File.Ask(q, observe.FileQuestion{Path: s.Home})
		observe.AskParents(q, s.Home)
	}
}

// asksHome reports whether the step depends on a home that the account may not have yet.
func (s *Step) asksHome() bool { return !s.Absent && s.Home != "" }

// createsHome reports whether a missing home is made: is is the account that is there, if any.
func (s *Step) createsHome(is observe.UserInfo) bool {
	home := cmp.Or(s.Home, is.Home)
	switch {
	case s.CreateHome != nil:
		return *s.CreateHome
	case home == nowhere:
		return false
	case s.Home != "" || !is.Exists:
		return true
	}
	return is.UID >= firstUID && is.UID != nobody
}

// nowhere is the home of users that have none (Debian Policy 9.2.3).
const nowhere = "/nonexistent"

// The numbers of accounts (Debian Policy 9.2.2, login.defs(5)): those of people begin with firstUID, and nobody has the one that
// ends the range. What other accounts have as a home is often not there, and nobody misses it.
const (
	firstUID     = 1000
	firstDynamic = 100 // of system accounts that no static number belongs to
	nobody       = 65534
)

// ownGroup reports whether the user, if it is made, gets a group of its own name.
func (s *Step) ownGroup() bool { return !s.Absent && s.Group == "" }

func (s *Step) groupQuestion() observe.GroupQuestion {
	return observe.GroupQuestion{Name: s.Name, PrimaryOf: true}
}

// checkGroup returns an error if the group that a new user is to have for its own is there and somebody else's. One that nobody
// is in may be what an interrupted run has made.
func (s *Step) checkGroup(snapshot *observe.Snapshot) (notes []string, err error) {
	if !s.ownGroup() {
		return nil, nil
	}
	is, err := observe.Group.Get(snapshot, s.groupQuestion())
	if err != nil || !is.Exists {
		return nil, err
	}
	why := ""
	switch people := is.GID >= firstUID; {
	case len(is.Members) > 0:
		why = "it has the members " + strings.Join(is.Members, ", ")
	case len(is.PrimaryOf) > 0:
		why = "it is the primary group of " + strings.Join(is.PrimaryOf, ", ")
	case is.GID == observe.NoID || s.UID != nil && is.GID == *s.UID:
	case people == s.System, is.GID < firstDynamic:
		why = fmt.Sprintf("it has the gid %d", is.GID)
	}
	if why != "" {
		return nil, modules.WithHint(fmt.Errorf("there is a group %s, and %s: it can't become the user's own", s.Name, why),
			"Give `group = %q` if it shall be the user's primary group, or name another group.", s.Name)
	}
	return []string{fmt.Sprintf("gets the group %s, which is there, for its own", s.Name)}, nil
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.User.Get(snapshot, s.Name)
	if err != nil {
		return modules.Change{}, err
	}
	var shadow observe.ShadowInfo
	if s.asksShadow() {
		if shadow, err = observe.Shadow.Get(snapshot, s.Name); err != nil {
			return modules.Change{}, err
		}
	}
	homeIs := is.HomeIs
	if s.asksHome() {
		home, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Home})
		if err != nil {
			return modules.Change{}, err
		}
		if home.Type != observe.Absent && home.Type != observe.Directory && home.Type != observe.Symlink {
			return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, and can't be the home of %s", s.Home, home.Type, s.Name),
				"rcprov doesn't replace it: move it away, or name another path.")
		}
		homeIs = home.Type != observe.Absent
		if who := home.Stranger; who != nil && !homeIs && s.createsHome(is) && !who.Is(s.Name) {
			return modules.Change{}, modules.RefuseOwner(who.Dir, who.Name, s.Name)
		}
	}
	switch {
	case s.Absent && !is.Exists:
		return modules.Change{}, nil
	case s.Absent:
		others, err := s.keepsHome(snapshot, is)
		if err != nil {
			return modules.Change{}, err
		}
		return s.removal(is, others), s.checkBusy(snapshot, work{remove: true})
	case !is.Exists:
		notes, err := s.checkGroup(snapshot)
		if err != nil {
			return modules.Change{}, err
		}
		return modules.NewChange(work{user: s, create: true}, notes...), nil
	}
	if s.asksShadow() && is.Unshadowed {
		return modules.Change{}, modules.WithHint(fmt.Errorf("the password field of %s in /etc/passwd is not \"x\", so /etc/shadow is not used", s.Name),
			"With an empty field anyone can log in on the console. `pwconv` on the host moves it to /etc/shadow; then run the same command again.")
	}
	if s.Home != "" && s.Home != is.Home && is.HomeIs && !homeIs {
		return modules.Change{}, s.refuseMove(is.Home)
	}
	w, notes := s.compare(is, homeIs)
	s.comparePassword(shadow, &w)
	return modules.NewChange(w, notes...), s.checkBusy(snapshot, w)
}

// Foresee implements [modules.Foreseer]: who the user will be, and the home with what /etc/skel has (useradd(8)).
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	is, err := observe.User.Get(snapshot, s.Name)
	if err != nil {
		return
	}
	f := snapshot.Forecast()
	a := observe.Account{Name: s.Name, Gone: s.Absent, Was: observe.NoID, ID: observe.NoID}
	if is.Exists {
		a.Was, a.Home = is.UID, is.Home
	}
	if s.Absent {
		observe.User.Foresee(snapshot, s.Name, observe.UserInfo{})
		if w, _ := c.Work.(work); w.removeHome != "" {
			f.Remove(is.Home)
		}
		a.Own = is.Group == s.Name
		f.Account(a)
		return
	}
	w, _ := c.Work.(work)
	var or []observe.Alternative[observe.UserInfo]
	if w.create {
		is = observe.UserInfo{UID: observe.NoID, GID: observe.NoID, Group: s.Name, Home: "/home/" + s.Name, Shell: defaultShell}
		a.Own, a.Primary = s.Group == "", s.Name
	}
	groups := s.wantedGroups(is)
	without := func(all, others []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(others, name) })
	}
	a.Joins, a.Parts = without(groups, is.Groups), without(is.Groups, groups)
	is.Exists, is.Home, is.Shell = true, cmp.Or(s.Home, is.Home), cmp.Or(s.Shell, is.Shell)
	is.Groups, is.Group = groups, cmp.Or(s.Group, is.Group)
	if s.UID != nil {
		is.UID = *s.UID
	}
	if s.Comment != nil {
		is.Comment = *s.Comment
	}
	if w.createHome != "" || w.create && s.createsHome(observe.UserInfo{}) {
		is.HomeIs = true
		s.foreseeHome(f, is.Home)
	}
	if w.create && s.Shell == "" {
		other := is
		other.Shell = "unknown"
		or = append(or, observe.Alternative[observe.UserInfo]{Answer: observe.Answer[observe.UserInfo]{Value: other}, If: "new users get another shell than " + defaultShell})
	}
	observe.User.Foresee(snapshot, s.Name, is, or...)
	if a.ID = is.UID; w.group != nil {
		a.Primary = w.group.to
	}
	f.Account(a)
}

// defaultShell is that of useradd(8) in Debian and Ubuntu, unless /etc/default/useradd says otherwise.
const defaultShell = "/bin/sh"

// foreseeHome notes a home that is created, unless it is there.
func (s *Step) foreseeHome(f *observe.Forecast, home string) {
	f.Parents(home)
	f.Directory(home, observe.UnknownRights)
	skeleton := []string{home + "/.bashrc", home + "/.profile", home + "/.bash_logout"}
	f.May(observe.Cause{Name: s.subject(), Bounded: true, Text: strings.Join(skeleton, " "), Brings: true})
}

func (s *Step) subject() string { return "user " + s.Name }

// removal returns the change that removes the user; the home stays if it belongs to others.
func (s *Step) removal(is observe.UserInfo, others string) modules.Change {
	switch {
	case !is.HomeIs:
		return modules.NewChange(work{user: s, remove: true})
	case others != "":
		return modules.NewChange(work{user: s, remove: true}, is.Home+" stays: it belongs to "+others)
	case s.RemoveHome:
		return modules.NewChange(work{user: s, remove: true, removeHome: is.Home})
	default:
		return modules.NewChange(work{user: s, remove: true}, is.Home+" stays")
	}
}

// compare compares what passwd(5) and group(5) hold; homeIs reports whether the desired home exists.
func (s *Step) compare(is observe.UserInfo, homeIs bool) (w work, notes []string) {
	w.user = s
	if s.UID != nil && *s.UID != is.UID {
		w.uid = &move[int]{is.UID, *s.UID}
		notes = append(notes, fmt.Sprintf("files outside its home keep the uid %d", is.UID))
	}
	if s.Group != "" && s.Group != is.Group {
		w.group = &move[string]{cmp.Or(is.Group, strconv.Itoa(is.GID)), s.Group}
	}
	if groups := s.wantedGroups(is); !slices.Equal(groups, is.Groups) {
		w.groups = &move[[]string]{is.Groups, groups}
	}
	if s.Comment != nil && *s.Comment != is.Comment {
		w.comment = &move[string]{is.Comment, *s.Comment}
	}
	if s.Shell != "" && s.Shell != is.Shell {
		w.shell = &move[string]{is.Shell, s.Shell}
	}
	moves := s.Home != "" && s.Home != is.Home
	if moves {
		w.home = &move[string]{is.Home, s.Home}
	}
	switch {
	case moves && is.HomeIs:
		notes = append(notes, fmt.Sprintf("rcprov does not move the content of %s", is.Home))
	case !homeIs && s.createsHome(is):
		w.createHome = cmp.Or(s.Home, is.Home)
	}
	return w, notes
}

// wantedGroups returns the desired supplementary groups, sorted.
func (s *Step) wantedGroups(is observe.UserInfo) []string {
	var groups []string
	if !s.ExclusiveGroups {
		groups = slices.Clone(is.Groups)
	}
	for _, group := range s.Groups {
		if group != is.Group || slices.Contains(is.Groups, group) { // its primary group is no supplementary one
			groups = append(groups, group)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// comparePassword adds to w what shadow(5) holds otherwise.
func (s *Step) comparePassword(is observe.ShadowInfo, w *work) {
	w.password = s.PasswordHash != "" && is.Fingerprint != observe.PasswordFingerprint(string(s.PasswordHash))
	if day, err := expiry(s.Expires); s.Expires != "" && err == nil && day != is.Expires {
		w.expires = &move[string]{showExpiry(is.Expires), s.Expires}
	}
	open := is.Password == observe.EmptyPassword || is.Password == observe.HashedPassword && !is.Locked
	shut := is.Password == observe.HashedPassword && is.Locked
	switch {
	case s.Locked == nil && s.PasswordHash == "":
	case s.Locked == nil && shut:
		w.lock = &move[lock]{passwordLocked, unlocked}
	case s.Locked == nil:
	case *s.Locked && open:
		w.lock = &move[lock]{unlocked, locked}
	case *s.Locked && !is.Expired:
		w.lock = &move[lock]{onlyPassword, locked}
	case !*s.Locked && shut:
		w.lock = &move[lock]{passwordLocked, unlocked}
	case !*s.Locked && is.Expired:
		w.lock = &move[lock]{expired, unlocked}
	}
}
