package observe

import (
	"slices"
	"strconv"
	"strings"
)

// An Account is what a pending change makes of a user or a group.
type Account struct {
	Name  string
	Group bool // it is a group
	Gone  bool // it is removed
	Was   int  // its number so far; NoID: it has none
	ID    int  // its number then; NoID: the next one that is free

	Joins []string // the users who join a group; the groups that a user joins
	Parts []string // the groups that a user leaves

	// Of a user:
	Home    string // whose files follow the number
	Primary string // the name of its primary group; empty: as it is
	Own     bool   // a group of its own name is made with it
}

// NoID is a number that nobody knows.
const NoID = -1

// ShowID is the number of a user or a group for people.
func ShowID(id int) string {
	if id == NoID {
		return "unknown"
	}
	return strconv.Itoa(id)
}

// Account notes what becomes of a user or a group.
func (f *Forecast) Account(a Account) {
	f.tick()
	f.accounts = append(f.accounts, a)
}

// names is about the owner and the group of a file at p, which go by number: a name may get another number, a number another
// name.
func (f *Forecast) names(p string, o *Outlook[FileInfo]) {
	for _, a := range f.accounts {
		id, name := &o.Value.UID, &o.Value.Owner
		if a.Group {
			id, name = &o.Value.GID, &o.Value.Group
		}
		switch {
		case *id < 0: // foreseen by name
			continue
		case *name == a.Name && a.Was != a.ID && a.ID >= 0 && !a.Group && a.Home != "" && strings.HasPrefix(p+"/", a.Home+"/"):
			*id = a.ID // usermod(8), --uid
		case *name == a.Name && *id != a.ID && (a.Gone || a.ID >= 0):
			*name = Nameless
		}
		switch {
		case *name != Nameless || a.Gone:
		case a.ID >= 0 && *id == a.ID:
			*name = a.Name
		case a.ID < 0:
			f.mayName(a, o)
		}
		if a.Own {
			f.mayName(Account{Name: a.Name, Group: true}, o)
		}
	}
}

// mayName adds that a new account may get the number of a file.
func (*Forecast) mayName(a Account, o *Outlook[FileInfo]) {
	other := o.Value
	switch {
	case a.Group && other.Group == Nameless:
		other.Group = a.Name
	case !a.Group && other.Owner == Nameless:
		other.Owner = a.Name
	default:
		return
	}
	o.Or = append(o.Or, Alternative[FileInfo]{Answer: Answer[FileInfo]{Value: other}, If: a.Name + " gets that number"})
}

// futureUser is the outlook of [User] where no step says what becomes of a user: a command may change it that speaks of users,
// and names it.
func futureUser(f *Forecast, name string, is UserInfo) Outlook[UserInfo] {
	o := Outlook[UserInfo]{Answer: Answer[UserInfo]{Value: is}}
	for _, v := range f.may {
		if clause := v.Name + " changes it"; v.Bounded && strings.Contains(v.Text, "user") && v.names(name) {
			o.Or = append(o.Or, Alternative[UserInfo]{Answer: Unknown[UserInfo](clause), If: clause, About: "user " + name})
		}
	}
	return o
}

// futureGroup is the outlook of [Group]: useradd(8) makes a group with a user, userdel(8) removes it with that.
func futureGroup(f *Forecast, q GroupQuestion, is GroupInfo) Outlook[GroupInfo] {
	without := func(names []string, name string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
	}
	for _, a := range f.accounts {
		switch {
		case a.Group && a.Name == q.Name && a.Gone:
			is = GroupInfo{}
		case a.Group && a.Name == q.Name:
			is.Exists, is.GID = true, a.ID
			is.Members = slices.Concat(is.Members, a.Joins)
		case a.Group:
		case a.Gone:
			is.Members, is.PrimaryOf = without(is.Members, a.Name), without(is.PrimaryOf, a.Name)
			if a.Name == q.Name && a.Own && len(is.Members)+len(is.PrimaryOf) == 0 {
				is = GroupInfo{}
			}
		default:
			if a.Own && a.Name == q.Name && !is.Exists {
				is = GroupInfo{Exists: true, GID: a.ID}
			}
			switch {
			case slices.Contains(a.Parts, q.Name):
				is.Members = without(is.Members, a.Name)
			case slices.Contains(a.Joins, q.Name):
				is.Members = append(slices.Clone(is.Members), a.Name)
			}
			if a.Primary == "" {
				break
			}
			is.PrimaryOf = without(is.PrimaryOf, a.Name)
			if a.Primary == q.Name && q.PrimaryOf {
				is.PrimaryOf = append(is.PrimaryOf, a.Name)
			}
		}
	}
	if !is.Exists {
		is = GroupInfo{}
	}
	return Outlook[GroupInfo]{Answer: Answer[GroupInfo]{Value: is}}
}
