package user

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed homes.sh
var homesScript string

// owner is who owns the home of a user; the zero value of one that is not there.
type owner struct {
	UID  int
	Name string // "UNKNOWN" without an account, stat(1)
}

// homes answers who owns the home of a user that is to be removed with it.
var homes = &observe.Kind[string, owner]{
	Name: "home of user",
	Script: func(names []string) string {
		return shell.Script(homesScript, shell.Vars{"names": shell.QuoteAll(names)})
	},
	Parse: func(names []string, reply observe.Reply) map[string]observe.Answer[owner] {
		answers := make(map[string]observe.Answer[owner])
		for _, name := range names {
			answers[name] = observe.Answer[owner]{}
		}
		for _, line := range reply.Lines() {
			fields := strings.Fields(line)
			if len(fields) != 3 {
				continue
			}
			uid, err := strconv.Atoi(fields[1])
			if err != nil {
				err = fmt.Errorf("stat answered %q", line)
			}
			answers[fields[0]] = observe.Answer[owner]{Value: owner{uid, fields[2]}, Err: err}
		}
		return answers
	},
}

// keepsHome returns whose home it is that a removal leaves, because it is somebody else's; "" for the user's own.
func (s *Step) keepsHome(snapshot *observe.Snapshot, is observe.UserInfo) (string, error) {
	if !s.Absent || !s.RemoveHome || !is.HomeIs {
		return "", nil
	}
	home, err := homes.Get(snapshot, s.Name)
	if err != nil || home.Name == "" || home.UID == is.UID || is.UID == observe.NoID {
		return "", err
	}
	return home.Name, nil
}
