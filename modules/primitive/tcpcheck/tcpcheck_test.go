package tcpcheck

import (
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	open, closed := &Step{target: target{Address: "db:1"}}, &Step{target: target{Address: "db:1"}, Closed: true}
	refused := outcome{Why: "connection refused"}
	edit := func(from, to string) []modules.Edit {
		return []modules.Edit{{Action: modules.Run, Subject: "wait for db:1", From: from, To: to}}
	}
	for _, test := range []struct {
		name string
		step *Step
		is   outcome
		err  error
		want []modules.Edit
		text string
	}{
		{name: "open", step: open, is: outcome{Open: true}},
		{name: "refused", step: open, is: refused, want: edit("connection refused", "open")},
		{name: "closed", step: closed, is: refused},
		{name: "still open", step: closed, is: outcome{Open: true}, want: edit("it is open", "closed")},
		{
			name: "closed, by a name that leads nowhere", step: closed, is: outcome{Why: "name or service not known"},
			want: edit("name or service not known", "closed"),
		},
		{name: "could not tell", step: closed, err: errors.New("no forwarding"), text: "no forwarding"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			ports.Put(s, test.step.target, test.is, test.err)
			moduletest.WantDiff(t, test.step, s, test.want, test.text)
		})
	}
}

func TestConverge(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(listener.Addr().String())
	port, _ := strconv.Atoi(text)
	args := Args{Host: "127.0.0.1", Port: port, State: "closed", Interval: "10ms", Deadline: "100ms"}
	step, err := New(args, modules.Env{})
	if err != nil {
		t.Fatal(err)
	}
	host := &moduletest.Host{}
	change := moduletest.Diff(t, host, step)
	want := "127.0.0.1:" + text + " is not closed within 100ms: it is open"
	if err := step.Apply(t.Context(), host, change); moduletest.ErrorText(err) != want {
		t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = listener.Close()
	}()
	step.(*Step).Deadline = time.Minute
	moduletest.Converge(t, host, step)
}

func TestNew(t *testing.T) {
	t.Parallel()
	for want, args := range map[string]Args{
		"port: must be from 1 to 65535, not 0":                                 {Host: "db", Interval: "1s", Deadline: "1s"},
		"host: must be a name or an address, not \"db 1\"":                     {Host: "db 1", Port: 1, Interval: "1s", Deadline: "1s"},
		"deadline: must be a duration such as \"90s\" or \"5m\", not \"soon\"": {Host: "db", Port: 1, Interval: "1s", Deadline: "soon"},
	} {
		if _, err := New(args, modules.Env{}); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}
