package modules_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// hers is the user whose directories these tests have: an account that every distribution has, with a group of its own.
const (
	hers     = "daemon"
	herUID   = 1
	nameless = 54321 // no account
)

// inEachShell runs test with each shell that hosts have as /bin/sh, and with busybox.
func inEachShell(t *testing.T, test func(t *testing.T, host *moduletest.Host)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can have directories of others")
	}
	moduletest.InShells(t, test, "busybox")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is a directory with others: hers, one of root's that all may write, one of root's alone, and one with a secret.
type place struct{ dir, home, shared, own, secret string }

func newPlace(t testing.TB) place {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	p := place{dir, dir + "/home", dir + "/shared", dir + "/own", dir + "/own/secret"}
	must(t, os.Mkdir(p.home, 0o755))
	must(t, os.Chown(p.home, herUID, herUID))
	must(t, os.Mkdir(p.shared, 0o755))
	must(t, os.Chmod(p.shared, 0o777|os.ModeSticky))
	must(t, os.Mkdir(p.own, 0o755))
	must(t, os.WriteFile(p.secret, []byte("secret"), 0o600))
	return p
}

// all says what each file below dir is, but for the directory itself.
func all(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := info.Sys().(*syscall.Stat_t)
		content := ""
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if content = string(text); len(text) > 100 {
				content = fmt.Sprintf("%d bytes", len(text))
			}
		}
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %v %d:%d %q\n", name, info.Mode(), s.Uid, s.Gid, content)
		return nil
	}))
	return b.String()
}

// A doorCase is something that is done to files, in a place with directories of others.
type doorCase struct {
	name   string
	before func(t *testing.T, p place)
	do     func(t *testing.T, h modules.Host, p place) error
	err    string // with DIR for the place
	hint   string // what it contains
	in     string // the directory of the place that is looked at afterwards
	want   string // what is in it: see all
}

// untouched is root's own directory as it was.
const untouched = ". drwxr-xr-x 0:0 \"\"\nsecret -rw------- 0:0 \"secret\"\n"

// long is content that travels in several pieces.
var long = strings.Repeat("x", 300_000)

// doorHome is about what goes into a directory of hers, or not.
var doorHome = []doorCase{
	{
		name: "root's file in her directory",
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.home+"/f", "new", "root", "root")
		},
		err: "DIR/home belongs to daemon: what is below it can't be root's", hint: `owner = "daemon"`,
		in: "home", want: ". drwxr-xr-x 1:1 \"\"\n",
	},
	{
		name: "a file of a group that she is not in",
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.home+"/f", "new", hers, "root")
		},
		err: "DIR/home belongs to daemon, who is not in the group root: what is below it can't have that group",
		in:  "home", want: ". drwxr-xr-x 1:1 \"\"\n",
	},
	{
		name: "her file in her directory",
		do:   func(t *testing.T, h modules.Host, p place) error { return write(t, h, p.home+"/f", "new", hers, hers) },
		in:   "home", want: ". drwxr-xr-x 1:1 \"\"\nf -rw-r----- 1:1 \"new\"\n",
	},
	{
		name: "her large file, by numbers",
		do:   func(t *testing.T, h modules.Host, p place) error { return write(t, h, p.home+"/f", long, "1", "1") },
		in:   "home", want: ". drwxr-xr-x 1:1 \"\"\nf -rw-r----- 1:1 \"300000 bytes\"\n",
	},
	{
		name:   "a file of somebody without an account",
		before: func(t *testing.T, p place) { must(t, os.Chown(p.home, nameless, nameless)) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.home+"/f", "new", "54321", "54321")
		},
		in: "home", want: ". drwxr-xr-x 54321:54321 \"\"\nf -rw-r----- 54321:54321 \"new\"\n",
	},
	{
		name:   "a backup of her file",
		before: func(t *testing.T, p place) { must(t, os.WriteFile(p.home+"/f", []byte("old"), 0o644)) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.RemovePath(t.Context(), h, p.home+"/f", modules.RemoveFile, p.dir+"/own/backup/f")
		},
		in: "own", want: ". drwxr-xr-x 0:0 \"\"\nbackup drwx------ 0:0 \"\"\nbackup/f -rw------- 1:0 \"old\"\nsecret -rw------- 0:0 \"secret\"\n",
	},
	{
		name: "a directory with parents in hers",
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.MakeDirectory(t.Context(), h, p.home+"/a/b", "0750", hers, hers)
		},
		in: "home", want: ". drwxr-xr-x 1:1 \"\"\na drwxr-xr-x 1:1 \"\"\na/b drwxr-x--- 1:1 \"\"\n",
	},
	{
		name: "root's directory in hers, which is to be hers",
		before: func(t *testing.T, p place) {
			must(t, os.MkdirAll(p.home+"/a/b", 0o700))
			must(t, os.Chown(p.home+"/a", herUID, herUID))
		},
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.MakeDirectory(t.Context(), h, p.home+"/a/b", "0750", hers, hers)
		},
		in: "home", want: ". drwxr-xr-x 1:1 \"\"\na drwx------ 1:1 \"\"\na/b drwxr-x--- 1:1 \"\"\n",
	},
	{
		name:   "root's file in hers, which is to be hers",
		before: func(t *testing.T, p place) { must(t, os.WriteFile(p.home+"/f", []byte("x"), 0o644)) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.SetRights(t.Context(), h, p.home+"/f", "0600", hers, hers)
		},
		in: "home", want: ". drwxr-xr-x 1:1 \"\"\nf -rw------- 1:1 \"x\"\n",
	},
	{
		name: "her directory itself",
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.MakeDirectory(t.Context(), h, p.home, "0750", "root", hers)
		},
		in: "home", want: ". drwxr-x--- 0:1 \"\"\n",
	},
	{
		name:   "a link in hers",
		before: func(t *testing.T, p place) { must(t, os.WriteFile(p.home+"/l", nil, 0o644)) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.MakeLink(t.Context(), h, p.home+"/l", "/etc")
		},
		in: "home", want: ". drwxr-xr-x 1:1 \"\"\nl Lrwxrwxrwx 1:1 \"\"\n",
	},
}

// doorLinks is about links of hers that lead to what is root's.
var doorLinks = []doorCase{
	{
		name:   "a file behind her link",
		before: func(t *testing.T, p place) { must(t, os.Symlink(p.own, p.home+"/l")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.home+"/l/f", "new", hers, hers)
		},
		err: "write DIR/home/l/f: dd: failed to open 'DIR/home/l/.f.rcprov': Permission denied (exit status 1)", hint: "DIR/home belongs to daemon",
		in: "own", want: untouched,
	},
	{
		name:   "a directory behind her link",
		before: func(t *testing.T, p place) { must(t, os.Symlink(p.own, p.home+"/l")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.MakeDirectory(t.Context(), h, p.home+"/l/a/b", "0755", hers, hers)
		},
		err: "DIR/home/l/a: Permission denied (exit status 1)", hint: "DIR/home belongs to daemon",
		in: "own", want: untouched,
	},
	{
		name:   "rights of a file behind her link",
		before: func(t *testing.T, p place) { must(t, os.Symlink(p.secret, p.home+"/l")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.SetRights(t.Context(), h, p.home+"/l", "0644", hers, hers)
		},
		err: "DIR/home/l: somebody who may write to a directory above it swapped names meanwhile",
		in:  "own", want: untouched,
	},
	{
		name:   "the removal of a file behind her link",
		before: func(t *testing.T, p place) { must(t, os.Symlink(p.own, p.home+"/l")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.RemovePath(t.Context(), h, p.home+"/l/secret", modules.RemoveFile, p.dir+"/backup/x")
		},
		err: "cat: DIR/home/l/secret: Permission denied (exit status 1)",
		in:  "own", want: untouched,
	},
	{
		name:   "root's directory behind her link, which is to be hers",
		before: func(t *testing.T, p place) { must(t, os.Symlink(p.own, p.home+"/l")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.SetRights(t.Context(), h, p.home+"/l", "0755", hers, hers)
		},
		err: "DIR/home/l: somebody who may write to a directory above it swapped names meanwhile",
		in:  "own", want: untouched,
	},
}

// doorShared is about a directory of root's where all may write, as /tmp.
var doorShared = []doorCase{
	{
		name: "root's file where all may write",
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.shared+"/f", "new", "root", "root")
		},
		in: "shared", want: ". dtrwxrwxrwx 0:0 \"\"\nf -rw-r----- 0:0 \"new\"\n",
	},
	{
		name:   "a large file in place of hers where all may write",
		before: func(t *testing.T, p place) { hersToo(t, p.shared+"/f") },
		do:     func(t *testing.T, h modules.Host, p place) error { return write(t, h, p.shared+"/f", long, hers, hers) },
		in:     "shared", want: ". dtrwxrwxrwx 0:0 \"\"\nf -rw-r----- 1:1 \"300000 bytes\"\n",
	},
	{
		name: "what a killed run left where all may write",
		before: func(t *testing.T, p place) {
			must(t, os.Mkdir(p.shared+"/.f.rcprov", 0o700))
			must(t, os.WriteFile(p.shared+"/.f.rcprov/new", []byte("half"), 0o600))
		},
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.shared+"/f", "new", "root", "root")
		},
		in: "shared", want: ". dtrwxrwxrwx 0:0 \"\"\nf -rw-r----- 0:0 \"new\"\n",
	},
	{
		name: "her directory in the way",
		before: func(t *testing.T, p place) {
			must(t, os.Mkdir(p.shared+"/.f.rcprov", 0o700))
			must(t, os.Chown(p.shared+"/.f.rcprov", herUID, herUID))
		},
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.shared+"/f", "new", "root", "root")
		},
		err: "DIR/shared/.f.rcprov is in the way: it belongs to daemon, and rcprov needs that name for a moment",
		in:  "shared", want: ". dtrwxrwxrwx 0:0 \"\"\n.f.rcprov drwx------ 1:1 \"\"\n",
	},
	{
		name:   "her link in the way",
		before: func(t *testing.T, p place) { must(t, os.Symlink(p.own, p.shared+"/.f.rcprov")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.shared+"/f", "new", "root", "root")
		},
		err: "DIR/shared/f: somebody who may write to a directory above it swapped names meanwhile",
		in:  "own", want: untouched,
	},
	{
		name:   "a directory that is her link, where all may write",
		before: func(t *testing.T, p place) { must(t, os.Symlink(p.own, p.shared+"/d")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.MakeDirectory(t.Context(), h, p.shared+"/d/x", "0755", hers, hers)
		},
		err: "DIR/shared/d is a link of root's, which rcprov doesn't follow",
		in:  "own", want: untouched,
	},
	{
		name: "directories where all may write",
		do: func(t *testing.T, h modules.Host, p place) error {
			return errors.Join(
				modules.MakeDirectory(t.Context(), h, p.shared+"/a/b", "0750", hers, "root"),
				modules.MakeDirectory(t.Context(), h, p.shared+"/a", "0700", hers, hers),
			)
		},
		in: "shared", want: ". dtrwxrwxrwx 0:0 \"\"\na drwx------ 1:1 \"\"\na/b drwxr-x--- 1:0 \"\"\n",
	},
	{
		name: "rights of a file with another name, where all may write",
		before: func(t *testing.T, p place) {
			must(t, os.Link(p.secret, p.shared+"/f"))
		},
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.SetRights(t.Context(), h, p.shared+"/f", "0644", hers, hers)
		},
		err: "DIR/shared/f: somebody who may write to a directory above it swapped names meanwhile",
		in:  "own", want: untouched,
	},
	{
		name:   "rights of a file where all may write",
		before: func(t *testing.T, p place) { hersToo(t, p.shared+"/f") },
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.SetRights(t.Context(), h, p.shared+"/f", "0600", "root", "root")
		},
		in: "shared", want: ". dtrwxrwxrwx 0:0 \"\"\nf -rw------- 0:0 \"hers\"\n",
	},
}

// doorRoot is about root's own directories, links and trees.
var doorRoot = []doorCase{
	{
		name: "a directory with parents where set-group-ID is handed down, and the rights of those",
		before: func(t *testing.T, p place) {
			must(t, os.Chown(p.own, 0, herUID))
			must(t, os.Chmod(p.own, os.ModeSetgid|0o755))
			for _, dir := range []string{"/c", "/d", "/e"} {
				must(t, os.Mkdir(p.own+dir, 0o755))
			}
		},
		do: func(t *testing.T, h modules.Host, p place) error {
			return errors.Join(
				modules.MakeDirectory(t.Context(), h, p.own+"/a/b", "0755", "root", "root"),
				modules.MakeDirectory(t.Context(), h, p.own+"/c", "0755", "root", hers),
				modules.SetRights(t.Context(), h, p.own+"/d", "0750", "", ""),
				modules.SetTreeRights(t.Context(), h, p.own+"/e", "2755", hers, hers),
			)
		},
		in: "own", want: ". dgrwxr-xr-x 0:1 \"\"\na drwxr-xr-x 0:0 \"\"\na/b drwxr-xr-x 0:0 \"\"\nc drwxr-xr-x 0:1 \"\"\n" + "d drwxr-x--- 0:1 \"\"\ne dgrwxr-xr-x 1:1 \"\"\nsecret -rw------- 0:0 \"secret\"\n",
	},
	{
		name: "through root's own links",
		before: func(t *testing.T, p place) {
			must(t, os.Symlink("../home/../own", p.own+"/up"))
			must(t, os.Symlink(p.own+"/up", p.own+"/abs"))
		},
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.own+"/abs/f", "new", "root", "root")
		},
		err: "DIR/home belongs to daemon: what is below it can't be root's",
		in:  "home", want: ". drwxr-xr-x 1:1 \"\"\n",
	},
	{
		name:   "through root's own link",
		before: func(t *testing.T, p place) { must(t, os.Symlink("own", p.dir+"/link")) },
		do: func(t *testing.T, h modules.Host, p place) error {
			return write(t, h, p.dir+"/link/f", "new", hers, "root")
		},
		in: "own", want: ". drwxr-xr-x 0:0 \"\"\nf -rw-r----- 1:0 \"new\"\nsecret -rw------- 0:0 \"secret\"\n",
	},
	{
		name: "all that is in a tree",
		before: func(t *testing.T, p place) {
			must(t, os.Mkdir(p.home+"/d", 0o755))
			must(t, os.WriteFile(p.home+"/d/f", nil, 0o644))
			must(t, os.Symlink(p.secret, p.home+"/d/l"))
		},
		do: func(t *testing.T, h modules.Host, p place) error {
			return modules.SetTreeRights(t.Context(), h, p.home, "0700", hers, "root")
		},
		in: "", want: ". drwxr-xr-x 0:0 \"\"\nhome drwx------ 1:0 \"\"\nhome/d drwxr-xr-x 1:0 \"\"\nhome/d/f -rw-r--r-- 1:0 \"\"\nhome/d/l Lrwxrwxrwx 1:0 \"\"\n" + "own drwxr-xr-x 0:0 \"\"\nown/secret -rw------- 0:0 \"secret\"\nshared dtrwxrwxrwx 0:0 \"\"\n",
	},
}

func TestDoor(t *testing.T) {
	t.Parallel()
	inEachShell(t, func(t *testing.T, host *moduletest.Host) {
		for where, cases := range map[string][]doorCase{
			"in her directory":      doorHome,
			"behind her links":      doorLinks,
			"where all may write":   doorShared,
			"in root's directories": doorRoot,
		} {
			t.Run(where, func(t *testing.T) {
				for _, c := range cases {
					t.Run(c.name, func(t *testing.T) { c.try(t, host) })
				}
			})
		}
	})
}

func (c doorCase) try(t *testing.T, host *moduletest.Host) {
	p := newPlace(t)
	if c.before != nil {
		c.before(t, p)
	}
	err := c.do(t, host, p)
	said := strings.ReplaceAll(moduletest.ErrorText(err), p.dir, "DIR")
	if said != c.err {
		t.Errorf("error %q\n want %q", said, c.err)
	}
	var advice *modules.HintError
	if c.hint != "" && (!errors.As(err, &advice) || !strings.Contains(strings.ReplaceAll(advice.Hint, p.dir, "DIR"), c.hint)) {
		t.Errorf("hint of %#v, want %q", err, c.hint)
	}
	if got := all(t, filepath.Join(p.dir, c.in)); got != c.want {
		t.Errorf("%s is\n%swant\n%s", c.in, got, c.want)
	}
}

func hersToo(t testing.TB, path string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte("hers"), 0o644))
	must(t, os.Chown(path, herUID, herUID))
}

func write(t testing.TB, h modules.Host, path, content, owner, group string) error {
	t.Helper()
	return modules.WriteFile(t.Context(), h, modules.File{Path: path, Content: []byte(content), Mode: 0o640, Owner: owner, Group: group})
}

// TestDoorRaced swaps all names of a step for links to a secret, as a user can in her own directory and, with names of her
// own, where all may write. The lab races every module for longer.
func TestDoorRaced(t *testing.T) {
	t.Parallel()
	inEachShell(t, func(t *testing.T, host *moduletest.Host) {
		for name, dir := range map[string]func(p place) string{
			"hers": func(p place) string { return p.home }, "shared": func(p place) string { return p.shared },
		} {
			t.Run(name, func(t *testing.T) {
				p := newPlace(t)
				must(t, os.Mkdir(p.own+"/dir", 0o700))
				before := all(t, p.own)
				d := dir(p)
				stop := race(t, d, p)
				done := 0
				for _, err := range []error{
					write(t, host, d+"/f", "new", hers, hers),
					write(t, host, d+"/f", strings.Repeat("x", 300_000), hers, hers),
					modules.MakeDirectory(t.Context(), host, d+"/d", "0755", hers, hers),
					modules.MakeDirectory(t.Context(), host, d+"/d/e", "0755", hers, hers),
					modules.SetRights(t.Context(), host, d+"/f", "0644", hers, hers),
					modules.SetTreeRights(t.Context(), host, d+"/d", "0755", hers, hers),
					modules.RemovePath(t.Context(), host, d+"/f", modules.RemoveFile, ""),
					modules.RemovePath(t.Context(), host, d+"/d", modules.RemoveTree, ""),
				} {
					if err == nil {
						done++
					}
				}
				swaps := stop()
				if after := all(t, p.own); after != before {
					t.Errorf("what is root's was\n%sand is\n%s", before, after)
				}
				t.Logf("%d of 8 changes succeeded, %d swaps", done, swaps)
			})
		}
	})
}

// race swaps the names in dir for links until stop is called, for at most a part of the time. It is root, but swaps only what
// she may.
func race(t *testing.T, dir string, p place) (stop func() int64) {
	t.Helper()
	var ended atomic.Bool
	var swaps atomic.Int64
	stopped := make(chan struct{})
	names := []string{"f", "d", ".f.rcprov", ".d.rcprov"}
	swap := func(name, trap, target string) {
		var s unix.Stat_t
		if unix.Lstat(trap, &s) != nil {
			_ = os.Symlink(target, trap)
			_ = os.Lchown(trap, herUID, herUID)
		}
		flags := uint(unix.RENAME_NOREPLACE)
		if unix.Lstat(name, &s) == nil {
			if dir == p.shared && s.Uid != herUID { // sticky: what is root's stays where it is
				return
			}
			flags = unix.RENAME_EXCHANGE
		}
		if unix.Renameat2(unix.AT_FDCWD, trap, unix.AT_FDCWD, name, flags) == nil {
			swaps.Add(1)
		}
	}
	go func() {
		defer close(stopped)
		for round := 0; !ended.Load(); round++ {
			for i, name := range names {
				target := p.secret
				if i%2 == 1 {
					target = p.own + "/dir"
				}
				swap(dir+"/"+name, fmt.Sprintf("%s/trap%d", dir, i), target)
			}
			if round%10 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	return func() int64 {
		ended.Store(true)
		<-stopped
		return swaps.Load()
	}
}
