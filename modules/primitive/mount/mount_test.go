package mount

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestText(t *testing.T) {
	t.Parallel()
	step := Step{Path: "/srv/my data", Src: "UUID=1", FSType: "ext4", Opts: []string{"noatime", "nofail"}, Passno: 2}
	const line = `UUID=1 /srv/my\040data ext4 noatime,nofail 0 2` + "\n"
	absent := step
	absent.Absent = true
	for name, test := range map[string]struct {
		step      Step
		old, want string
	}{
		"empty":             {step, "", line},
		"others":            {step, "# x\n/dev/sda1 / ext4 defaults 0 1", "# x\n/dev/sda1 / ext4 defaults 0 1\n" + line},
		"there, by tabs":    {step, "UUID=1\t/srv/my\\040data\text4 noatime,nofail\t0 2 # x\n", "UUID=1\t/srv/my\\040data\text4 noatime,nofail\t0 2 # x\n"},
		"other options":     {step, "UUID=1 /srv/my\\040data ext4 noatime\nproc /proc proc\n", line + "proc /proc proc\n"},
		"twice":             {step, line + "x /srv/my\\040data xfs defaults\n", line},
		"removed":           {absent, "a\n" + line + "#" + line, "a\n#" + line},
		"nothing to remove": {absent, "a b\n", "a b\n"},
	} {
		if got, _, _ := test.step.text(test.old); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	short := Step{Path: "/s", Src: "tmpfs", FSType: "tmpfs", Opts: []string{"defaults"}}
	if got, _, _ := short.text("tmpfs /s tmpfs\n"); got != "tmpfs /s tmpfs\n" {
		t.Errorf("what is left out is the default: %q", got)
	}
}

func TestParseMounts(t *testing.T) {
	t.Parallel()
	// Debian 12 in a container, shortened; the device is made up.
	reply := observe.Reply{Stdout: []byte(`mount 1 0 0:144 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a
mount 2 1 0:169 / /mnt/t rw,relatime shared:580 - tmpfs t rw,size=1024k
mount 3 1 0:144 /etc /mnt/b ro,relatime shared:686 - overlay overlay rw,lowerdir=/a
mount 4 1 254:1 / /srv/my\040data rw,noatime - ext4 /dev/mapper/data rw
mount 5 4 254:2 / /srv/my\040data rw,relatime - xfs /dev/vdb rw
real UUID=1 /dev/vdb
real /dev/vdb /dev/vdb
real /dev/mapper/data /dev/dm-0
inode /etc 144:7
inode /mnt/b 144:7
`)}
	tmpfs, bind := question{Path: "/mnt/t", Src: "t"}, question{Path: "/mnt/b", Src: "/etc", Bind: true}
	data, other, none := question{Path: "/srv/my data", Src: "UUID=1"}, question{Path: "/srv/my data", Src: "/dev/mapper/data"}, question{Path: "/mnt"}
	want := map[question]mounted{
		tmpfs: {There: true, Source: "t", FSType: "tmpfs", Opts: []string{"rw", "relatime", "rw", "size=1024k"}, Same: true},
		bind:  {There: true, Source: "overlay", FSType: "overlay", Opts: []string{"ro", "relatime", "rw", "lowerdir=/a"}, Same: true},
		data:  {There: true, Source: "/dev/vdb", FSType: "xfs", Opts: []string{"rw", "relatime", "rw"}, Same: true},
		other: {There: true, Source: "/dev/vdb", FSType: "xfs", Opts: []string{"rw", "relatime", "rw"}},
		none:  {Same: true},
	}
	got := make(map[question]mounted)
	for q, a := range parseMounts([]question{tmpfs, bind, data, other, none}, reply) {
		got[q] = a.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if answers := parseMounts([]question{tmpfs}, observe.Reply{Status: 1}); len(answers) != 0 {
		t.Errorf("without an answer: %v", answers)
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	tmpfs := mounted{FSType: "tmpfs", Opts: []string{"rw", "nosuid", "size=1024k"}}
	for _, test := range []struct {
		is      mounted
		desired []string
		want    []string
	}{
		{tmpfs, []string{"defaults"}, nil},
		{tmpfs, []string{"size=1m", "nosuid", "nofail"}, nil},
		{tmpfs, []string{"size=1048575"}, nil},
		{tmpfs, []string{"size=50%"}, nil},
		{tmpfs, []string{"size=2M", "noexec"}, []string{"noexec", "size=2M"}},
		{mounted{Opts: []string{"ro"}}, []string{"ro"}, nil},
		{mounted{Opts: []string{"ro"}}, []string{"defaults"}, []string{"rw"}},
		{mounted{Opts: []string{"rw", "relatime", "ro"}}, []string{"bind"}, nil},
	} {
		if diff := cmp.Diff(test.want, test.is.drift(test.desired)); diff != "" {
			t.Errorf("%v, %v (-want +got):\n%s", test.is, test.desired, diff)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	step := &Step{Path: "/srv/x", Src: "tmpfs", FSType: "tmpfs", Opts: []string{"noexec"}, Now: true}
	absent := &Step{Path: "/srv/x", Now: true, Absent: true}
	const line = "tmpfs /srv/x tmpfs noexec 0 0\n"
	dir := observe.FileInfo{Type: observe.Directory, Mode: 0o755}
	right := mounted{There: true, Source: "tmpfs", FSType: "tmpfs", Opts: []string{"rw", "noexec"}, Same: true}
	weaker, other := right, right
	weaker.Opts, other.FSType = []string{"rw"}, "ext4"
	text := func(old, now string) *modules.Text { return &modules.Text{Old: old, New: now} }
	subject := "mount /srv/x"
	hers := dir
	hers.Stranger = &observe.Stranger{Dir: "/srv", Name: "alice", UID: 1000}
	for _, test := range []struct {
		name   string
		step   *Step
		fstab  string
		at     observe.FileInfo
		parent observe.FileInfo
		is     mounted
		isErr  error
		want   []modules.Edit
		err    string
	}{
		{name: "converged", step: step, fstab: line, at: dir, parent: dir, is: right},
		{name: "all", step: step, parent: dir, want: []modules.Edit{
			{Action: modules.Create, Subject: "/srv/x", To: "0755 root:root"},
			{Action: modules.Update, Subject: "/etc/fstab", Field: "mount", Text: text("", line)},
			{Action: modules.Create, Subject: subject, To: "tmpfs (tmpfs)"},
		}},
		{name: "options", step: step, fstab: line, at: dir, parent: dir, is: weaker, want: []modules.Edit{
			{Action: modules.Update, Subject: subject, Field: "opts", From: "rw", To: "noexec"},
		}},
		{name: "another", step: step, fstab: line, at: dir, parent: dir, is: other, want: []modules.Edit{
			{Action: modules.Update, Subject: subject, Field: "src", From: "tmpfs (ext4)", To: "tmpfs (tmpfs)"},
		}},
		{name: "to be removed", step: absent, fstab: line, at: dir, parent: dir, is: right, want: []modules.Edit{
			{Action: modules.Update, Subject: "/etc/fstab", Field: "mount", Text: text(line, "")},
			{Action: modules.Remove, Subject: subject, From: "tmpfs (tmpfs)"},
		}},
		{name: "hers", step: step, at: hers, parent: dir, err: "/srv belongs to alice: what is below it can't be root's"},
		{
			name: "where others may write", step: step, at: dir, parent: observe.FileInfo{Type: observe.Directory, Mode: 0o777},
			err: "others than root may write to /srv",
		},
		{
			name: "link", step: step, parent: observe.FileInfo{Type: observe.Symlink, Target: "y"}, err: "/srv is a symbolic link to y",
		},
		{name: "could not tell", step: step, at: dir, parent: dir, isErr: errors.New("no /proc"), err: "ask what is mounted at /srv/x: no /proc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, observe.FileQuestion{Path: "/etc/fstab", Content: true},
				observe.FileInfo{Type: observe.Regular, Mode: 0o644, Content: []byte(test.fstab)}, nil)
			observe.File.Put(s, observe.FileQuestion{Path: "/srv/x"}, test.at, nil)
			observe.File.Put(s, observe.FileQuestion{Path: "/srv"}, test.parent, nil)
			mounts.Put(s, test.step.question(), test.is, test.isErr)
			moduletest.WantDiff(t, test.step, s, test.want, test.err)
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{Path: "/srv/x", Src: "tmpfs", FSType: "tmpfs", State: "mounted"}
	for want, change := range map[string]func(*Args){
		"":                    func(*Args) {},
		"fstype: is required": func(a *Args) { a.FSType = "" },
		"src: is required":    func(a *Args) { a.Src = "" },
		`opts: has "a,b", which is not one option`:              func(a *Args) { a.Opts = []string{"a,b"} },
		`src: must be an absolute path, not "tmpfs"`:            func(a *Args) { a.Opts = []string{"bind"} },
		"path: must not be the root of the host":                func(a *Args) { a.Path = "/" },
		`fstype: must be the type of a file system, not "swap"`: func(a *Args) { a.FSType = "swap" },
	} {
		args := valid
		change(&args)
		if _, err := New(args, modules.Env{}); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}
