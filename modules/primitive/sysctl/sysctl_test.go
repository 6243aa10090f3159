package sysctl

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	const (
		path    = "net/ipv4/ip_forward"
		name    = "net.ipv4.ip_forward"
		file    = "/etc/sysctl.d/99-zz-rcprov-net.ipv4.ip_forward.conf"
		content = "# Written by rcprov.\nnet/ipv4/ip_forward = 1\n"
	)
	persistent := Step{Path: path, Value: "1", Persistent: true}
	passing := Step{Path: path, Value: "1"}
	absent := Step{Path: path, Absent: true, Persistent: true}
	set := func(value string) parameter { return parameter{There: true, Value: value} }
	good := observe.FileInfo{Type: observe.Regular, SHA256: persistent.question().UnlessSHA256}
	value := modules.Edit{Action: modules.Update, Subject: "sysctl net.ipv4.ip_forward", Field: "value", From: "0", To: "1"}
	create := modules.Edit{Action: modules.Create, Subject: file, Field: "persistent", Text: &modules.Text{New: content}}
	valueOne, createFile := &valueWork{Old: "0", New: "1"}, &fileWork{Action: modules.Create, Path: file, New: content}
	tests := []struct {
		name    string
		step    Step
		now     parameter
		nowErr  error
		file    observe.FileInfo
		fileErr error
		want    modules.Change

		undecided deadman.State
		later     assignment
		err       string
	}{
		{name: "converged", step: persistent, now: set("1"), file: good},
		{
			name: "absent", step: persistent, now: set("0"),
			want: modules.Change{Edits: []modules.Edit{value, create}, Work: work{Name: name, Value: valueOne, File: createFile}},
		},
		{
			name: "value only", step: persistent, now: set("0"), file: good,
			want: modules.Change{Edits: []modules.Edit{value}, Work: work{Name: name, Value: valueOne}},
		},
		{
			name: "file only", step: persistent, now: set("1"),
			want: modules.Change{Edits: []modules.Edit{create}, Work: work{Name: name, File: createFile}},
		},
		{
			name: "file edited", step: persistent, now: set("1"),
			file: observe.FileInfo{Type: observe.Regular, SHA256: "00", Content: []byte("x\n")},
			want: modules.Change{Edits: []modules.Edit{{
				Action: modules.Update, Subject: file, Field: "persistent", Text: &modules.Text{Old: "x\n", New: content},
			}}, Work: work{Name: name, File: &fileWork{Action: modules.Update, Path: file, Old: "x\n", New: content}}},
		},
		{name: "not persistent", step: passing, now: set("1")},
		{
			name: "no such parameter", step: passing, now: parameter{},
			want: modules.Change{
				Edits: []modules.Edit{{Action: modules.Update, Subject: "sysctl net.ipv4.ip_forward", Field: "value", To: "1"}},
				Notes: []string{"the kernel has no parameter net.ipv4.ip_forward yet: an earlier step must load the module that provides it"},
			},
		},
		{name: "removed already", step: absent},
		{
			name: "shall be removed", step: absent, file: good,
			want: modules.Change{
				Edits: []modules.Edit{{Action: modules.Remove, Subject: file, Field: "persistent"}},
				Work:  work{Name: name, File: &fileWork{Action: modules.Remove, Path: file}},
			},
		},
		{name: "link", step: persistent, now: set("1"), file: observe.FileInfo{Type: observe.Symlink}, err: file + " is a symbolic link, not a file"},
		{
			name: "left unconfirmed", step: persistent, now: set("1"), file: good, undecided: deadman.Armed,
			want: modules.Change{Edits: []modules.Edit{{
				Action: modules.Run, Subject: "sysctl net.ipv4.ip_forward", Field: "unconfirmed",
				From: "a change that its run did not live to confirm", To: "taken back, then made again",
			}}, Work: work{Name: name, Unconfirmed: deadman.Armed}},
		},
		{
			name: "another file beats it", step: persistent, now: set("1"), file: good, later: assignment{"/etc/sysctl.d/k8s.conf", "0"},
			err: `/etc/sysctl.d/k8s.conf sets net.ipv4.ip_forward to "0" at boot, after rcprov's file`,
		},
		{name: "another file says the same", step: persistent, now: set("1"), file: good, later: assignment{"/etc/sysctl.d/k8s.conf", "1"}},
		{name: "another file, but until the boot only", step: passing, now: set("1"), later: assignment{"/etc/sysctl.d/k8s.conf", "0"}},
		{name: "confirmed", step: persistent, now: set("1"), file: good, undecided: deadman.Confirmed},
		{name: "could not tell the value", step: persistent, nowErr: errors.New("Permission denied"), err: "read net.ipv4.ip_forward: Permission denied"},
		{name: "could not tell the file", step: persistent, now: set("1"), fileErr: errors.New("Input/output error"), err: "look at " + file + ": Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			live.Put(s, path, test.now, test.nowErr)
			later.Put(s, path, test.later, nil)
			undecided.Put(s, struct{}{}, test.undecided, nil)
			observe.File.Put(s, test.step.question(), test.file, test.fileErr)
			got, err := test.step.Diff(s)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			moduletest.WantChange(t, test.want, got)
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	const notOne = `name: must be a kernel parameter such as "net.ipv4.ip_forward", not `
	tests := []struct{ name, value, state, path, err string }{
		{name: "net.ipv4.ip_forward", value: "1", path: "net/ipv4/ip_forward"},
		{name: "net/ipv4/conf/eth0.100/rp_filter", value: "1", path: "net/ipv4/conf/eth0.100/rp_filter"},
		{name: "net.ipv4.conf.eth0/100.rp_filter", value: "1", path: "net/ipv4/conf/eth0.100/rp_filter"},
		{name: "vm.swappiness", state: "absent", path: "vm/swappiness"},
		{name: "vm.swappiness", err: "value: is required"},
		{name: "vm.swappiness", value: "1\n2", err: `value: must be one line: "1\n2"`},
		{name: "", value: "1", err: notOne + `""`},
		{name: "/proc/sys/vm/swappiness", value: "1", err: notOne + `"/proc/sys/vm/swappiness"`},
		{name: "vm/../x", value: "1", err: notOne + `"vm/../x"`},
		{name: "vm.x;y", value: "1", err: notOne + `"vm.x;y"`},
	}
	for _, test := range tests {
		step, err := New(Args{Name: test.name, Value: test.value, State: test.state, ConfirmWithin: "60s"}, modules.Env{})
		if moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.err)
		}
		if err == nil && step.(*Step).Path != test.path {
			t.Errorf("%s: path %q, want %q", test.name, step.(*Step).Path, test.path)
		}
	}
}

// TestLive asks this machine's kernel, in each shell.
func TestLive(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/sys/kernel/pid_max"); err != nil {
		t.Skipf("NOT RUN: this machine has no Linux kernel: %v", err)
	}
	paths := []string{"kernel/pid_max", "kernel/ostype", "net/ipv4/ip_local_port_range", "no/such.key", "kernel"}
	var q observe.Query
	for _, p := range paths {
		live.Ask(&q, p)
	}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		s, err := q.Run(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			raw, readErr := os.ReadFile("/proc/sys/" + p)
			want := parameter{There: readErr == nil, Value: normal(string(raw))}
			got, err := live.Get(s, p)
			if err != nil || got != want {
				t.Errorf("%s: got %+v, %v; want %+v", p, got, err, want)
			}
		}
	})
}

func TestParseLive(t *testing.T) {
	t.Parallel()
	reply := observe.Reply{
		Stdout: []byte("absent a/none\nnet/ipv4/tcp_rmem:4096\t131072\t6291456\ntwo:1:x\ntwo:2\n"),
		Stderr: []byte("grep: route/flush: Permission denied\n"),
	}
	paths := []string{"a/none", "net/ipv4/tcp_rmem", "two", "route/flush", "empty"}
	got := make(map[string]string)
	for path, a := range parseLive(paths, reply) {
		got[path] = a.Value.Value
		if !a.Value.There {
			got[path] = "not there"
		}
		if a.Err != nil {
			got[path] = a.Err.Error()
		}
	}
	want := map[string]string{
		"a/none": "not there", "net/ipv4/tcp_rmem": "4096 131072 6291456", "two": "1:x\n2", "route/flush": "Permission denied", "empty": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if got := parseLive(paths, observe.Reply{Status: 3, Stderr: []byte("sh: cd: /proc/sys: No such file or directory")}); len(got) != 0 {
		t.Errorf("answers without /proc: %v", got)
	}
}

func FuzzParseLive(f *testing.F) {
	f.Add("absent a\nb:1\t2\n", "grep: c: Permission denied\n", 0)
	f.Fuzz(func(t *testing.T, stdout, stderr string, status int) {
		for path, a := range parseLive([]string{"a", "b"}, observe.Reply{Stdout: []byte(stdout), Stderr: []byte(stderr), Status: status}) {
			if !a.Value.There && a.Value.Value != "" || strings.ContainsAny(a.Value.Value, "\t") {
				t.Errorf("%s: %+v", path, a.Value)
			}
		}
	})
}

// TestBatch looks at what a batch does on a host; that it does so is the conformance suite's business.
func TestBatch(t *testing.T) {
	t.Parallel()
	netA, vmD := &Step{Path: "net/a", Value: "1 2"}, &Step{Path: "vm/d", Absent: true}
	var b batch
	b.add(netA, work{File: &fileWork{Action: modules.Create, Path: netA.file(), New: netA.content()}})
	b.add(&Step{Path: "vm/b", Value: "3"}, work{Value: &valueWork{New: "3"}})
	if b.network {
		t.Error("a file of the network, or a value of something else, needs no switch")
	}
	b.add(&Step{Path: "net/c", Value: "4"}, work{Value: &valueWork{New: "4"}})
	b.add(vmD, work{File: &fileWork{Action: modules.Remove, Path: vmD.file()}})
	if !b.network {
		t.Error("a value of the network needs the switch")
	}
	want := "put /etc/sysctl.d/99-zz-rcprov-net.a.conf '# Written by rcprov.\nnet/a = 1 2\n'\n" +
		"set_value 0 vm/b 3\nset_value 1 net/c 4\nrm -f -- /etc/sysctl.d/99-zz-rcprov-vm.d.conf\n"
	if diff := cmp.Diff(want, b.script.String()); diff != "" {
		t.Errorf("script (-want +got):\n%s", diff)
	}
	want = "[ ! -e value1 ] || cat value1 >/proc/sys/net/c\n[ ! -e value0 ] || cat value0 >/proc/sys/vm/b\n"
	if diff := cmp.Diff(want, b.reload()); diff != "" {
		t.Errorf("reload (-want +got):\n%s", diff)
	}
	result := modules.Result{Status: 1, Stderr: []byte("tee: /proc/sys/net/c: Invalid argument\nrcprov-refused 1\n")}
	err := b.explain(modules.NewCommandError(modules.Command{Script: "x"}, result), result)
	if got := moduletest.ErrorText(err); got != `set net.c to "4": tee: /proc/sys/net/c: Invalid argument` {
		t.Errorf("error %q", got)
	}
}

func TestParseLater(t *testing.T) {
	t.Parallel()
	const (
		forward = "net/ipv4/ip_forward"
		vlan    = "net/ipv4/conf/eth0.100/rp_filter"
	)
	const said = "file /etc/sysctl.d/zz.conf\nfile /etc/sysctl.d/k8s.conf\nfile /etc/sysctl.d/99-zz-a.conf\nfile /usr/lib/sysctl.d/k8s.conf\n" +
		"/etc/sysctl.d/zz.conf:# net.ipv4.ip_forward = 2\n/etc/sysctl.d/zz.conf:;net.ipv4.ip_forward=3\n/etc/sysctl.d/zz.conf:net.ipv4.* = 4\n" +
		"/etc/sysctl.d/k8s.conf:net.ipv4.ip_forward=5\n/etc/sysctl.d/k8s.conf: -net/ipv4/ip_forward = 6 \t7\n" +
		"/etc/sysctl.d/99-zz-a.conf:" + vlan + "=1\n/usr/lib/sysctl.d/k8s.conf:net.ipv4.conf.eth0/100.rp_filter=1\n"
	got := parseLater([]string{forward, vlan}, observe.Reply{Stdout: []byte(said)})
	want := map[string]observe.Answer[assignment]{forward: {Value: assignment{"/etc/sysctl.d/k8s.conf", "6 7"}}, vlan: {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const why = "grep: /etc/sysctl.d/zz.conf: Input/output error"
	got = parseLater([]string{forward}, observe.Reply{Status: 2, Stderr: []byte(why + "\n")})
	if moduletest.ErrorText(got[forward].Err) != why {
		t.Errorf("could not tell: %v", got)
	}
}
