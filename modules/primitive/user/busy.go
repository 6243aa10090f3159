package user

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// account asks for the processes of a user that is to get another number, or to be removed.
type account struct {
	Name string
	UID  string // its number to be; empty: none
}

//go:embed busy.sh
var busyScript string

// busy answers which process a user has that keeps usermod(8) from giving it another number, and userdel(8) from removing it;
// 0: none. It looks at the users of /etc/passwd, the only ones that these change.
var busy = &observe.Kind[account, int]{
	Name: "processes of user",
	Script: func(accounts []account) string {
		var words []string
		for _, a := range accounts {
			words = append(words, a.Name, a.UID)
		}
		return shell.Script(busyScript, shell.Vars{"accounts": shell.QuoteAll(words)})
	},
	Parse: parseBusy,
	// What a pending change stops may be what runs as the user.
	Future: func(f *observe.Forecast, a account, pid int) observe.Outlook[int] {
		o := observe.Outlook[int]{Answer: observe.Answer[int]{Value: pid}}
		if name, stops := f.Stops(""); stops && pid != 0 {
			o.Or = append(o.Or, observe.Alternative[int]{If: name + " stops"})
		}
		if by, ok := f.MayChange(a.Name); ok && pid != 0 {
			o.Or = append(o.Or, observe.Alternative[int]{If: by + " ends its processes"})
		}
		return o
	},
}

func parseBusy(accounts []account, reply observe.Reply) map[account]observe.Answer[int] {
	answers := make(map[account]observe.Answer[int])
	if reply.Status != 0 {
		return answers
	}
	for _, a := range accounts {
		answers[a] = observe.Answer[int]{}
		for _, line := range reply.Lines() {
			name, number, _ := strings.Cut(line, " ")
			if pid, err := strconv.Atoi(number); err == nil && name == a.Name {
				answers[a] = observe.Answer[int]{Value: pid}
			}
		}
	}
	return answers
}

// asksBusy reports whether the step depends on the processes of the user.
func (s *Step) asksBusy() bool { return s.Absent || s.UID != nil }

func (s *Step) account() account {
	if s.Absent {
		return account{Name: s.Name}
	}
	return account{s.Name, strconv.Itoa(*s.UID)}
}

// checkBusy returns an error if w needs that the user has no processes, and it has some.
func (s *Step) checkBusy(snapshot *observe.Snapshot, w work) error {
	if w.uid == nil && !w.remove {
		return nil
	}
	switch pid, err := busy.Get(snapshot, s.account()); {
	case err != nil:
		return err
	case pid != 0:
		return modules.WithHint(fmt.Errorf("user %s is used by process %d", s.Name, pid), busyHint, s.Name)
	}
	return nil
}

const busyHint = "The user was not changed. Stop its services, end its sessions with `loginctl terminate-user %s`, then run the same command again."
