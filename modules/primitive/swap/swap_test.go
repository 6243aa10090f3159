package swap

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestParse(t *testing.T) {
	t.Parallel()
	// Debian 12 in a virtual machine; the second file is made up.
	reply := observe.Reply{Stdout: []byte(`swap /swapfile file 65532 0 5
swap /srv/my\040swap file 1048572 12 -2
swaps
room /swapfile ext2/ext3 7340032
signed /swapfile
room /srv/my\040swap xfs 1024
`)}
	want := map[string]state{
		"/swapfile":     {Active: true, KiB: 65532, Priority: 5, FS: "ext2/ext3", Room: 7340032, Signed: true},
		"/srv/my swap":  {Active: true, KiB: 1048572, Priority: -2, FS: "xfs", Room: 1024},
		"/not/answered": {},
	}
	got := make(map[string]state)
	for p, a := range parseStates([]string{"/swapfile", "/srv/my swap", "/not/answered"}, reply) {
		got[p] = a.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	reply.Stdout = append([]byte("container\n"), reply.Stdout...)
	if !parseStates([]string{"/swapfile"}, reply)["/swapfile"].Value.Container {
		t.Error("it is a container")
	}
	if answers := parseStates([]string{"/swapfile"}, observe.Reply{Status: 1}); len(answers) != 0 {
		t.Errorf("without an answer: %v", answers)
	}
}

// TestLook asks this machine.
func TestLook(t *testing.T) {
	t.Parallel()
	var q observe.Query
	states.Ask(&q, "/no-such directory/it's a file")
	s, err := q.Run(t.Context(), &moduletest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	is, err := states.Get(s, "/no-such directory/it's a file")
	if err != nil || is.Active || is.Signed || is.FS == "" {
		t.Errorf("%+v, %v", is, err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	five := 5
	step, plain, absent := Step{Path: "/my swap", Priority: &five}, Step{Path: "/swapfile"}, Step{Path: "/swapfile", Absent: true}
	const line = "/swapfile none swap sw 0 0\n"
	for name, test := range map[string]struct {
		step      Step
		old, want string
	}{
		"empty":             {plain, "", line},
		"with a priority":   {step, "/dev/sda1 / ext4 defaults 0 1", "/dev/sda1 / ext4 defaults 0 1\n" + `/my\040swap none swap pri=5 0 0` + "\n"},
		"as others write":   {plain, "/swapfile swap swap defaults\n", "/swapfile swap swap defaults\n"},
		"another priority":  {step, `/my\040swap none swap pri=1` + "\nx y z\n", `/my\040swap none swap pri=5 0 0` + "\nx y z\n"},
		"no priority":       {plain, "/swapfile none swap pri=1\n", line},
		"twice":             {plain, line + line, line},
		"removed":           {absent, "# " + line + line + "/dev/sdb none swap sw\n", "# " + line + "/dev/sdb none swap sw\n"},
		"nothing to remove": {absent, "a b c\n", "a b c\n"},
	} {
		if got, _, _ := test.step.text(test.old); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	five := 5
	step, first := &Step{Path: "/swapfile", Size: gib}, &Step{Path: "/swapfile", Size: gib, Priority: &five}
	absent := &Step{Path: "/swapfile", Absent: true}
	const line, firstLine = "/swapfile none swap sw 0 0\n", "/swapfile none swap pri=5 0 0\n"
	good := observe.FileInfo{Type: observe.Regular, Mode: 0o600, Owner: "root", Group: "root", Size: gib}
	readable, small, hers := good, good, good
	readable.Mode, small.Size = 0o644, gib/2
	hers.Stranger = &observe.Stranger{Dir: "/srv", Name: "alice", UID: 1000}
	on := state{Active: true, Priority: -2, FS: "ext2/ext3", Room: 4 * gib, Signed: true}
	off, torn, btrfs, full, container := on, on, state{FS: "btrfs", Room: 4 * gib}, state{FS: "xfs", Room: gib / 4}, state{Container: true, FS: "overlayfs"}
	off.Active = false
	torn.Active, torn.Signed = false, false
	text := func(old, now string) *modules.Text { return &modules.Text{Old: old, New: now} }
	create, update, remove := modules.Create, modules.Update, modules.Remove
	for _, test := range []struct {
		name  string
		step  *Step
		fstab string
		file  observe.FileInfo
		is    state
		isErr error
		want  []modules.Edit
		err   string
	}{
		{name: "converged", step: step, fstab: line, file: good, is: on},
		{name: "all", step: step, is: state{FS: "ext2/ext3", Room: 4 * gib}, want: []modules.Edit{
			{Action: create, Subject: "/swapfile", To: "1 GiB, 0600 root:root"},
			{Action: create, Subject: "swap /swapfile", To: "on"},
			{Action: update, Subject: "/etc/fstab", Field: "swap", Text: text("", line)},
		}},
		{name: "off", step: step, fstab: line, file: good, is: off, want: []modules.Edit{{Action: create, Subject: "swap /swapfile", To: "on"}}},
		{name: "no line", step: step, file: good, is: on, want: []modules.Edit{{Action: update, Subject: "/etc/fstab", Field: "swap", Text: text("", line)}}},
		{name: "readable", step: step, fstab: line, file: readable, is: on, want: []modules.Edit{
			{Action: update, Subject: "/swapfile", Field: "mode", From: "0644 root:root", To: "0600 root:root"},
		}},
		{name: "another size", step: step, fstab: line, file: small, is: on, want: []modules.Edit{
			{Action: update, Subject: "/swapfile", Field: "size", From: "512 MiB", To: "1 GiB"},
		}},
		{name: "torn", step: step, fstab: line, file: good, is: torn, want: []modules.Edit{
			{Action: update, Subject: "/swapfile", Field: "size", From: "no swap file", To: "1 GiB"}, {Action: create, Subject: "swap /swapfile", To: "on"},
		}},
		{name: "another priority", step: first, fstab: firstLine, file: good, is: on, want: []modules.Edit{
			{Action: update, Subject: "swap /swapfile", Field: "priority", From: "-2", To: "5"},
		}},
		{name: "to be removed", step: absent, fstab: line, file: good, is: on, want: []modules.Edit{
			{Action: remove, Subject: "/swapfile"},
			{Action: remove, Subject: "swap /swapfile", From: "on"},
			{Action: update, Subject: "/etc/fstab", Field: "swap", Text: text(line, "")},
		}},
		{name: "removed, in a container", step: absent, is: container},
		{name: "container", step: step, is: container, err: "a container can't have swap of its own"},
		{name: "btrfs", step: step, is: btrfs, err: "/swapfile is on btrfs, where there can be no swap file"},
		{name: "made by hand on btrfs", step: step, fstab: line, file: good, is: state{Active: true, Priority: -2, FS: "btrfs", Signed: true}},
		{name: "no room", step: step, is: full, err: "/swapfile needs 1 GiB, and there is room for 256 MiB"},
		{name: "hers", step: step, file: hers, is: on, err: "/srv belongs to alice: what is below it can't be root's"},
		{name: "a directory", step: step, file: observe.FileInfo{Type: observe.Directory}, is: off, err: "/swapfile is a directory, not a file"},
		{name: "could not tell", step: step, isErr: errors.New("no /proc"), err: "ask what the host swaps to: no /proc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, observe.FileQuestion{Path: "/etc/fstab", Content: true}, observe.FileInfo{Type: observe.Regular, Mode: 0o644, Content: []byte(test.fstab)}, nil)
			observe.File.Put(s, test.step.question(), test.file, nil)
			states.Put(s, test.step.Path, test.is, test.isErr)
			moduletest.WantDiff(t, test.step, s, test.want, test.err)
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{Path: "/swapfile", Size: "2G", State: "present"}
	low := -1
	for want, change := range map[string]func(*Args){
		"":                  func(*Args) {},
		"size: is required": func(a *Args) { a.Size = "" },
		`size: must be a number of M or G, such as 2G, not "2 GB"`: func(a *Args) { a.Size = "2 GB" },
		"size: is too large: 9999999999G":                          func(a *Args) { a.Size = "9999999999G" },
		"priority: must be from 0 to 32767, not -1":                func(a *Args) { a.Priority = &low },
		`path: must be an absolute path, not "swap"`:               func(a *Args) { a.Path = "swap" },
	} {
		args := valid
		change(&args)
		if _, err := New(args, modules.Env{}); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}
