package mongoreplicaset

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/internal/wait"
)

// commandTimeout limits one command: commands for users wait for a majority of members, without a limit of their own.
const commandTimeout = 30 * time.Second

// Apply implements [modules.Step]. It observes the set, does one thing, and observes it again.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Deadline, fmt.Errorf("it was not done within %s", modules.Span(s.Deadline)))
	defer cancel()
	w, _ := c.Work.(work)
	removable := w.removable()
	var last Seen
	var problem error // of the last thing that was tried and may succeed later
	err := wait.Until(ctx, wait.Pace{Every: time.Second / 5}, func() (missing string, err error) {
		for {
			seen, err := s.look(ctx, h.Dial)
			switch {
			case err != nil && ctx.Err() != nil: // cut short: it says nothing about the set
				return "an answer", nil
			case err != nil && mongodb.Passing(err):
				problem = err
				return "an answer", nil
			case err != nil:
				return "", err
			}
			last = seen
			if err := s.check(seen); err != nil {
				return "", err
			}
			act, err := s.next(seen, removable)
			switch {
			case err != nil:
				return "", err
			case act.kind == done:
				return "", nil
			case act.kind == await:
				if err := s.hopeless(ctx, seen, act); err != nil {
					return "", err
				}
				modules.Progress(ctx, "%s: %s", act.doing, s.describe(seen))
				return act.doing, nil
			}
			modules.Progress(ctx, "%s", act.doing)
			problem = s.do(ctx, h, seen, act)
			switch {
			case problem != nil && mongodb.Passing(problem):
				return act.doing, nil
			case problem != nil:
				return "", fmt.Errorf("%s: %w", act.doing, problem)
			}
		}
	})
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return s.late(cause, last, problem)
	}
	return err
}

// hopeless returns an error for a wait that can't end: for members on hosts that have failed in this run.
func (s *Step) hopeless(ctx context.Context, seen Seen, act action) error {
	var failed []string
	for _, member := range act.hosts {
		if host, known := s.Hosts[member]; known && modules.Failed(ctx, host) {
			failed = append(failed, member)
		}
	}
	if len(failed) == 0 || len(failed) < len(act.hosts) && !act.every {
		return nil
	}
	goesOn := ""
	if seen.Primary != "" {
		goesOn = ", while the set goes on with its primary " + seen.Primary
	}
	return modules.WithHint(fmt.Errorf("the host of %s failed in this run%s: %s", strings.Join(failed, " and "), goesOn, s.describe(seen)),
		"Bring that host back, or take it out of the plan; then run the same command again, which continues from here.")
}

// late returns the error for a set that is not as wanted in time.
func (s *Step) late(cause error, seen Seen, problem error) error {
	if seen.Initiated() && seen.Primary == "" {
		cause = fmt.Errorf("%w: the set has no primary", cause)
	}
	err := fmt.Errorf("%w: %s", cause, s.describe(seen))
	if problem != nil {
		err = fmt.Errorf("%w (last: %s)", err, mongodb.Reason(problem))
	}
	return modules.WithHint(err, "Check that each mongod runs, and that the members reach each other by these names (firewall, bind_ip); then run the same command again, which continues from here.")
}

// do does one action.
func (s *Step) do(ctx context.Context, h modules.Host, seen Seen, act action) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if act.kind == initiate || act.kind == createAdmin {
		client, err := mongodb.Connect(h.Dial, s.Local, nil)
		if err != nil {
			return err
		}
		defer client.Close()
		if act.kind == createAdmin {
			return client.PutUser(ctx, mongodb.CreateUser, act.user.Login, act.user.Roles)
		}
		err = client.Initiate(ctx, act.config)
		if mongodb.Code(err) == mongodb.InvalidReplicaSet {
			return modules.WithHint(err, "The first host of the play must be a member, and its name in members (or its address) must resolve to it.")
		}
		return err
	}
	client, _, err := s.logIn(ctx, h.Dial, seen.Via)
	if err != nil {
		return err
	}
	if client == nil {
		return errors.New("the administrator's login was just refused")
	}
	defer client.Close()
	switch act.kind {
	case createUser:
		err = client.PutUser(ctx, mongodb.CreateUser, act.user.Login, act.user.Roles)
	case updateUser:
		err = client.PutUser(ctx, mongodb.UpdateUser, act.user.Login, act.user.Roles)
	case stepDown:
		err = client.StepDown(ctx)
	case reconfigure:
		err = client.Reconfigure(ctx, act.config)
	}
	return err
}
