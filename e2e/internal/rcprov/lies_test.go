package rcprov

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLies(t *testing.T) {
	t.Parallel()
	step := func(kind, edits string) Run {
		return Run{Stdout: fmt.Sprintf(`{"version":1,"type":%q,"host":"h","step":"s","change":{"edits":[%s]}}`+"\n", kind, edits)}
	}
	const (
		mode    = `{"action":"update","subject":"/a","field":"mode"}`
		create  = `{"action":"create","subject":"/a"}`
		brought = `{"action":"create","subject":"/a","or":"package a brings it"}`
		unless  = `{"action":"create","subject":"/a","unless":"package a brings it"}`
		restart = `{"action":"run","subject":"x.service","field":"restart"}`
		wait    = `{"action":"run","subject":"wait for GET http://127.0.0.1/health"}`
		maybe   = `{"action":"run","subject":"x.service","field":"restart","if":"it must"}`
	)
	for _, test := range []struct {
		name        string
		plan, apply Run
		want        []string
	}{
		{name: "nothing to do", plan: step("step_ok", ""), apply: step("step_ok", "")},
		{name: "announced", plan: step("step_planned", mode), apply: step("step_changed", mode)},
		{name: "brought by a package", plan: step("step_planned", brought), apply: step("step_changed", mode)},
		{name: "not brought by a package", plan: step("step_planned", brought), apply: step("step_changed", create)},
		{name: "brought, as it should be", plan: step("step_unknown", unless), apply: step("step_ok", "")},
		{
			name: "there all the same", plan: step("step_planned", create), apply: step("step_changed", mode),
			want: []string{
				`h s: apply made "update /a mode", which plan didn't announce`,
				`h s: plan announced "create /a", which apply didn't make`,
			},
		},
		{name: "condition, made", plan: step("step_unknown", maybe), apply: step("step_changed", restart)},
		{name: "condition, not made", plan: step("step_unknown", maybe), apply: step("step_ok", "")},
		{name: "can't tell", plan: step("step_unknown", ""), apply: step("step_changed", restart)},
		{name: "no longer healthy", plan: step("step_ok", ""), apply: step("step_changed", wait)},
		{name: "healthy meanwhile", plan: step("step_planned", wait), apply: step("step_ok", "")},
		{
			name: "not announced", plan: step("step_ok", ""), apply: step("step_changed", restart),
			want: []string{`h s: apply made "run x.service restart", which plan didn't announce`},
		},
		{
			name: "not made", plan: step("step_planned", mode+","+restart), apply: step("step_changed", mode),
			want: []string{`h s: plan announced "run x.service restart", which apply didn't make`},
		},
		{
			name: "beside a condition", plan: step("step_unknown", maybe), apply: step("step_changed", mode),
			want: []string{`h s: apply made "update /a mode", which plan didn't announce`},
		},
	} {
		got, err := Lies(test.plan, test.apply)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}
