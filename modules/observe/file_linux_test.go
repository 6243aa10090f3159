package observe_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// TestFileOfOthers looks below directories that belong to somebody else than root, and below one in which all may write.
func TestFileOfOthers(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can have directories of others")
	}
	const herUID, nameless = 1, 54321 // daemon has an account on every distribution
	look := func(t *testing.T, host *moduletest.Host, dir string, leads bool) {
		own, home, open := dir+"/own", dir+"/home", dir+"/it's open"
		second := dir + "/second"
		for _, d := range []string{own, home, home + "/d", second, dir + "/none", dir + "/none/d", open, open + "/d"} {
			must(t, os.Mkdir(d, 0o755))
		}
		hers := func(path string, uid int) { must(t, os.Lchown(path, uid, uid)) }
		write := func(path string, mode os.FileMode) { must(t, os.WriteFile(path, []byte(path), mode)) }
		write(own+"/secret", 0o600)
		write(own+"/known", 0o644)
		write(home+"/f", 0o600)
		write(home+"/d/sp ace\\", 0o600)
		write(home+"/d/root's", 0o600)
		write(second+"/g", 0o600)
		write(open+"/f", 0o600)
		write(open+"/d/f", 0o600)
		must(t, os.Symlink("f", home+"/l"))
		must(t, os.Symlink(own, home+"/to own"))
		must(t, os.Symlink(own+"/secret", home+"/to secret"))
		must(t, os.Symlink(own, open+"/l"))
		must(t, os.Symlink("home", dir+"/to home"))
		must(t, os.Symlink("own", dir+"/to own"))
		must(t, os.Symlink("it's open", dir+"/to open"))
		must(t, os.Symlink(own, open+"/root's link"))
		// Of the group that has fewer rights than others.
		keptOut := dir + "/kept out"
		must(t, os.MkdirAll(keptOut+"/hers", 0o755))
		write(keptOut+"/hers/f", 0o600)
		must(t, os.Chown(keptOut, 0, herUID))
		must(t, os.Chmod(keptOut, 0o705))
		must(t, os.Chmod(open, 0o777))
		for _, path := range []string{home, home + "/f", home + "/d", home + "/d/sp ace\\", home + "/l", home + "/to own", home + "/to secret", second, second + "/g", keptOut + "/hers", keptOut + "/hers/f", open + "/f", open + "/l"} {
			hers(path, herUID)
		}
		hers(dir+"/none", nameless)
		must(t, os.Chmod(own, 0o700))

		tests := []struct {
			path     string
			want     observe.FileType
			content  bool
			stranger string
			err      string
		}{
			{path: own + "/secret", want: observe.Regular, content: true},
			{path: home, want: observe.Directory},
			{path: home + "/f", want: observe.Regular, content: true, stranger: home},
			{path: home + "/d", want: observe.Directory, stranger: home},
			{path: home + "/d/sp ace\\", want: observe.Regular, content: true, stranger: home},
			{path: home + "/d/root's", stranger: home, err: "Permission denied"},
			{path: home + "/l", want: observe.Symlink, stranger: home},
			{path: home + "/to secret", want: observe.Symlink, stranger: home},
			{path: home + "/to own/secret", stranger: home, err: "daemon, who owns " + home + ", can't see it"},
			{path: home + "/absent/x", stranger: home},
			{path: dir + "/none/d", want: observe.Directory, stranger: dir + "/none"},
			{path: open + "/f", want: observe.Regular, content: true},
			{path: open + "/d/f", want: observe.Regular, content: true},
			{path: open + "/l", want: observe.Symlink},
			{path: open + "/l/secret", err: open + "/l is a link of daemon's, which rcprov doesn't follow"},
			{path: dir + "/to home/f", err: "can't see it"}, // by the whole path
			{path: dir + "/to own/secret", want: observe.Regular, content: true},
			{path: second + "/g", want: observe.Regular, content: true, stranger: second},
			{path: keptOut + "/hers/f", want: observe.Regular, content: true, stranger: keptOut + "/hers"},
			{path: dir + "/to open/f", want: observe.Regular, content: true},
			{path: dir + "/to open/root's link/secret", err: "is a link of root's, which rcprov doesn't follow"},
		}
		if leads {
			tests[15].want, tests[15].content, tests[15].stranger, tests[15].err = observe.Regular, true, dir+"/to home", ""
		}
		var questions []observe.FileQuestion
		for _, test := range tests {
			questions = append(questions, observe.FileQuestion{Path: test.path, Content: true})
		}
		questions[2].UnlessSHA256 = sum(home + "/f")
		for i := range 600 { // too many for one variable of the environment
			questions = append(questions, observe.FileQuestion{Path: fmt.Sprintf("%s/d/%0100d", home, i)})
		}
		s := ask(t, host, questions...)
		for i, test := range tests {
			got, err := observe.File.Get(s, questions[i])
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%s: error %v, want %q", test.path, err, test.err)
				}
				continue
			}
			if err != nil || got.Type != test.want {
				t.Errorf("%s: %v, %v; want %v", test.path, got.Type, err, test.want)
			}
			stranger := ""
			if got.Stranger != nil {
				stranger = got.Stranger.Dir
			}
			if stranger != test.stranger {
				t.Errorf("%s: stranger %q, want %q", test.path, stranger, test.stranger)
			}
			switch {
			case i == 2 && (got.Content != nil || got.SHA256 != sum(test.path)):
				t.Errorf("%s: content %q, although it is the known one", test.path, got.Content)
			case i != 2 && test.content && string(got.Content) == "":
				t.Errorf("%s: no content", test.path)
			}
		}
		f, _ := observe.File.Get(s, questions[2])
		if diff := cmp.Diff(&observe.Stranger{Dir: home, UID: herUID, Name: "daemon", Groups: []string{"1", "daemon"}}, f.Stranger); diff != "" {
			t.Errorf("stranger (-want +got):\n%s", diff)
		}
		if _, err := observe.File.Get(s, questions[14]); !errors.As(err, new(*observe.LinkError)) {
			t.Errorf("error %#v, want a LinkError", err)
		}
		if is, err := observe.File.Get(s, questions[len(questions)-1]); err != nil || is.Type != observe.Absent || is.Stranger == nil {
			t.Errorf("the last of many: %+v, %v", is, err)
		}
	}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		closed, open := t.TempDir(), t.TempDir() // both in a directory that only root may enter
		look(t, host, closed, false)
		must(t, os.Chmod(filepath.Dir(open), 0o755))
		look(t, host, open, true)
	})
}

// TestFileSwapped looks at a file of root's in a directory that others may write and that is not sticky, while one of them gives its
// name to something else: when root has seen that it is a file, or when it is about to read it.
func TestFileSwapped(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("the directories are root's")
	}
	const changed = "it changed while it was looked at"
	tests := []struct{ name, path, swap, err string }{
		{"a link", "open/f", "ln -s ../own/f l; mv l open/f", changed},
		{"a named pipe", "open/f", "mkfifo p; mv p open/f", changed},
		{"a link above", "open/d/f", "mv open/d open/e; ln -s ../own open/d", changed},
		{"a link above, below a link of root's", "to open/d/f", "mv open/d open/e; ln -s ../own open/d", changed},
	}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		for _, test := range tests {
			for _, moment := range []string{"seen", "read"} {
				t.Run(test.name+" when it is "+moment, func(t *testing.T) {
					t.Parallel()
					dir, bin := t.TempDir(), t.TempDir()
					for _, d := range []string{"own", "open", "open/d"} {
						must(t, os.Mkdir(dir+"/"+d, 0o755))
						must(t, os.WriteFile(dir+"/"+d+"/f", []byte(d), 0o600))
					}
					must(t, os.Symlink("open", dir+"/to open"))
					must(t, os.Chmod(dir+"/open", 0o777))
					program := func(name, text string) {
						must(t, os.WriteFile(bin+"/"+name, []byte("#!/bin/sh\nPATH="+text+"\n"), 0o755))
					}
					path, swap := shell.Quote(os.Getenv("PATH")), "(cd "+shell.Quote(dir)+"; [ -e swapped ] || { : >swapped; "+test.swap+"; })"
					if moment == "seen" {
						program("stat", path+"\nstat \"$@\"\nstatus=$?\n"+swap+"\nexit $status")
					} else {
						for _, name := range []string{"dd", "sha256sum"} {
							program(name, path+"\n"+swap+"\nexec "+name+" \"$@\"")
						}
					}
					program("shell", shell.Quote(bin)+":$PATH exec "+host.Shell+" \"$@\"")
					began := time.Now()
					question := observe.FileQuestion{Path: dir + "/" + test.path, Content: true}
					f, err := observe.File.Get(ask(t, &moduletest.Host{Shell: bin + "/shell"}, question), question)
					inTime := moment == "read" && string(f.Content) == "open/d" // root is in the directory already
					if !inTime && (err == nil || !strings.Contains(err.Error(), test.err)) {
						t.Errorf("got %+v with the content %q, error %v; want %q", f, f.Content, err, test.err)
					}
					if took := time.Since(began); took > 30*time.Second {
						t.Errorf("it took %s", took)
					}
				})
			}
		}
	})
}
