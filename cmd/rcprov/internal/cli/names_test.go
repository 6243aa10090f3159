package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// TestLimited has a row for each form of --limit.
func TestLimited(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Hosts: []*plan.Host{
		{Name: "web1", Groups: []string{"berlin", "web"}},
		{Name: "web2", Groups: []string{"paris", "web"}},
		{Name: "web3", Groups: []string{"paris", "web"}},
		{Name: "db1", Groups: []string{"berlin", "db"}},
	}}
	for _, row := range []struct{ limit, want string }{
		{"web1", "web1"},
		{"web", "web1 web2 web3"},
		{"all", "web1 web2 web3 db1"},
		{"web1,db", "web1 db1"},
		{"web*", "web1 web2 web3"},
		{"web?,!web3", "web1 web2"},
		{"web*,!web3", "web1 web2"},
		{"!web3", "web1 web2 db1"},
		{"!web", "db1"},
		{"web&berlin", "web1"},
		{"web & paris & !web2", "web3"},
		{"berlin&db,web3", "web3 db1"},
		{"*&berlin", "web1 db1"},
		{"[w]eb[23]", "web2 web3"},
		{"webb", `the plan has no host or group "webb": Did you mean "web"?`},
		{"web4", `the plan has no host or group "web4": Did you mean "web"?`},
		{"x*", `no host or group of the plan matches "x*": It has all, berlin, db, db1, paris, web, web1, web2, web3.`},
		{"web,!x1", `the plan has no host or group "x1": It has all, berlin, db, db1, paris, web, web1, web2, web3.`},
		{"web&db", `no host is left by "web&db": The hosts are web1, web2, web3, db1.`},
		{"web[", `"web[" is not a pattern: A pattern has * for any text, ? for one character, [a-c] for one of several.`},
		{"web:!web2", `"web:!web2" is no name of a host or group: Terms are separated by commas: "web,!web2".`},
		{"web*:&berlin:!web2", `"web*:&berlin:!web2" is no name of a host or group: Terms are separated by commas: "web*&berlin,!web2".`},
		{"db;web", `"db;web" is no name of a host or group: Terms are separated by commas: "db,web".`},
		{"x:y", `the plan has no host or group "x:y": It has all, berlin, db, db1, paris, web, web1, web2, web3.`},
		{"web&", `the plan has no host or group "": It has all, berlin, db, db1, paris, web, web1, web2, web3.`},
	} {
		names, err := limited(p, strings.Split(row.limit, ","))
		got := strings.Join(names, " ")
		var hint *modules.HintError
		if errors.As(err, &hint) {
			got = strings.TrimPrefix(err.Error(), "--limit: ") + ": " + hint.Hint
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.limit, got, row.want)
		}
	}
	if names, err := limited(p, nil); names != nil || err != nil {
		t.Errorf("without a limit: %v, %v", names, err)
	}
}
