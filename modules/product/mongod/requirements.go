package mongod

import (
	"context"
	"errors"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/observe"
)

// greeting asks the host's mongod what it is.
var greeting = &observe.Probe[mongodb.Server, mongodb.Greeting]{
	Name: "mongod", Run: mongodb.Greet,
	Future: observe.ProgramOf(
		func(mongodb.Server) string { return unit }, mongodb.Greeting{Role: mongodb.Silent},
		func(g mongodb.Greeting) bool { return g.Role == mongodb.Silent },
	),
}

// Requirements checks that the installed MongoDB can become the wanted one, before anything is changed. It changes nothing.
type Requirements struct {
	Series     string
	ReplicaSet string // empty: none
	Server     mongodb.Server
}

var _ modules.Step = (*Requirements)(nil)

// Observe implements [modules.Step].
func (s *Requirements) Observe(q *observe.Query) {
	observe.Package.Ask(q, serverPackage)
	greeting.Ask(q, s.Server)
}

// Diff implements [modules.Step].
func (s *Requirements) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	installed, err := observe.Package.Get(snapshot, serverPackage)
	if err != nil {
		return modules.Change{}, fmt.Errorf("package %s: %w", serverPackage, err)
	}
	if installed.Version != "" {
		if err := checkUpgrade(seriesOf(installed.Version), s.Series); err != nil {
			return modules.Change{}, err
		}
	}
	now, err := greeting.Get(snapshot, s.Server)
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask mongod on %s for its set: %w", s.Server.Address, err)
	}
	if now.Set != "" && now.Set != s.ReplicaSet {
		return modules.Change{}, modules.WithHint(fmt.Errorf("the server is a member of the set %s, but replica_set is %q", now.Set, s.ReplicaSet),
			"A server can't change its set and keep its data. Give replica_set = %q, or empty the server first: stop it and remove the content of its db_path.", now.Set)
	}
	return modules.Change{}, nil
}

// checkUpgrade refuses a downgrade, and an upgrade that skips a series: the data would not survive it.
func checkUpgrade(from, to string) error {
	if from == to {
		return nil
	}
	i, j := indexSeries(from), indexSeries(to)
	if compareVersions(from, to) > 0 {
		return modules.WithHint(fmt.Errorf("MongoDB %s is installed, and %s can't read the data of a newer series", from, to),
			"Give version = %q; or dump the data, remove the server and its data, and restore the dump.", from)
	}
	if i >= 0 && j == i+1 {
		return nil
	}
	next := "each series in between, one after the other"
	if i >= 0 {
		next = fmt.Sprintf("version = %q", allSeries[i+1].name)
	}
	return modules.WithHint(fmt.Errorf("MongoDB %s is installed, which can't be upgraded to %s directly", from, to),
		"Upgrade to %s first, then set its feature compatibility version.", next)
}

// Apply implements [modules.Step].
func (s *Requirements) Apply(context.Context, modules.Host, modules.Change) error {
	return errors.New("bug: requirements change nothing")
}
