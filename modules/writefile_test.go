//go:build unix

package modules_test

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// mine returns a File in a new directory that the user who runs the tests may write.
func mine(t *testing.T, content string) modules.File {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "it's a file")
	return modules.File{Path: path, Content: []byte(content), Mode: 0o640, Owner: me.Uid, Group: me.Gid}
}

// see describes a directory: name, mode and content of each file.
func see(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] += " " + string(content)
		}
	}
	return files
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	const temp = ".it's a file.rcprov"
	tests := []struct {
		name    string
		before  func(dir string) error
		change  func(*modules.File)
		want    map[string]string
		err     string
		hinting string
	}{
		{name: "new", want: map[string]string{"it's a file": "-rw-r----- new"}},
		{
			name:   "set-user-ID",
			change: func(f *modules.File) { f.Mode = 0o755 | os.ModeSetuid },
			want:   map[string]string{"it's a file": "urwxr-xr-x new"},
		},
		{
			name:   "empty",
			change: func(f *modules.File) { f.Content = nil },
			want:   map[string]string{"it's a file": "-rw-r----- "},
		},
		{
			name:   "replaced, with a backup",
			before: func(dir string) error { return os.WriteFile(filepath.Join(dir, "it's a file"), []byte("old"), 0o600) },
			change: func(f *modules.File) { f.Backup = filepath.Join(filepath.Dir(f.Path), "old") },
			want:   map[string]string{"it's a file": "-rw-r----- new", "old": "-rw------- old"},
		},
		{
			name:   "keeps the mode",
			before: func(dir string) error { return os.WriteFile(filepath.Join(dir, "it's a file"), []byte("old"), 0o600) },
			change: func(f *modules.File) { f.Keep = true },
			want:   map[string]string{"it's a file": "-rw------- new"},
		},
		{
			name:   "keep without a file",
			change: func(f *modules.File) { f.Keep = true },
			want:   map[string]string{"it's a file": "-rw-r----- new"},
		},
		{
			name:   "left over from a killed run",
			before: func(dir string) error { return os.WriteFile(filepath.Join(dir, temp), []byte("half"), 0o400) },
			want:   map[string]string{"it's a file": "-rw-r----- new"},
		},
		{
			name: "a link in the place of the temporary file",
			before: func(dir string) error {
				return errors.Join(os.WriteFile(filepath.Join(dir, "victim"), []byte("v"), 0o600), os.Symlink("victim", filepath.Join(dir, temp)))
			},
			want: map[string]string{"it's a file": "-rw-r----- new", "victim": "-rw------- v"},
		},
		{
			name:   "validated",
			change: func(f *modules.File) { f.Validate = []string{"grep", "-q", "new", "%s"} },
			want:   map[string]string{"it's a file": "-rw-r----- new"},
		},
		{
			name:    "refused",
			before:  func(dir string) error { return os.WriteFile(filepath.Join(dir, "it's a file"), []byte("old"), 0o600) },
			change:  func(f *modules.File) { f.Validate = []string{"sh", "-c", "echo no good; exit 3", "%s"} },
			want:    map[string]string{"it's a file": "-rw------- old"},
			err:     "sh -c 'echo no good; exit 3' %s refused the new PATH (exit status 3): no good",
			hinting: "PATH is as it was. Correct the content, then run the same command again.",
		},
		{
			name:   "validate command that is not there",
			change: func(f *modules.File) { f.Validate = []string{"no-such-command", "%s"} },
			want:   map[string]string{},
			err:    "there is no program no-such-command on the host, which is to validate the new PATH",

			hinting: "PATH is as it was. Install the program in an earlier step, or correct `validate`; then run the same command again.",
		},
		{
			name:    "directory in its place",
			before:  func(dir string) error { return os.Mkdir(filepath.Join(dir, "it's a file"), 0o700) },
			want:    map[string]string{"it's a file": "drwx------"},
			err:     "write PATH: mv: cannot overwrite directory 'PATH' with non-directory...",
			hinting: "There is a directory in the place of PATH: move it away, or name another path.",
		},
		{
			name:    "no such user",
			change:  func(f *modules.File) { f.Owner = "no-such-user" },
			want:    map[string]string{},
			err:     "write PATH: chown: invalid user: 'no-such-user:GID' (exit status 1)",
			hinting: "There is no user \"no-such-user\" on the host. Add a `user` step for it before this one, or correct the name.",
		},
		{
			name:    "no such group",
			change:  func(f *modules.File) { f.Group = "no-such-group" },
			want:    map[string]string{},
			err:     "write PATH: chown: invalid group: 'UID:no-such-group' (exit status 1)",
			hinting: "There is no group \"no-such-group\" on the host. Add a `group` step for it before this one, or correct the name.",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := mine(t, "new")
			dir := filepath.Dir(f.Path)
			words := strings.NewReplacer(f.Path, "PATH", strings.ReplaceAll(f.Path, "'", `'\''`), "PATH",
				`"`+f.Path+`"`, "'PATH'", ":"+f.Group+"'", ":GID'", "'"+f.Owner+":", "'UID:")
			if test.before != nil {
				if err := test.before(dir); err != nil {
					t.Fatal(err)
				}
			}
			if test.change != nil {
				test.change(&f)
			}
			err := modules.WriteFile(t.Context(), &moduletest.Host{}, f)
			said, hint := "", ""
			if err != nil {
				said = words.Replace(err.Error())
			}
			if advice := (*modules.HintError)(nil); errors.As(err, &advice) {
				hint = words.Replace(advice.Hint)
			}
			if start, cut := strings.CutSuffix(test.err, "..."); cut && strings.HasPrefix(said, start) {
				said = test.err // the rest are the words of the shell
			}
			if said != test.err || test.hinting != "" && hint != test.hinting {
				t.Errorf("error %q\n want %q\n hint %q\n want %q", said, test.err, hint, test.hinting)
			}
			if diff := cmp.Diff(test.want, see(t, dir)); diff != "" {
				t.Errorf("directory (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteFileUploads(t *testing.T) {
	t.Parallel()
	f := mine(t, strings.Repeat("0123456789abcde\n", 1<<16))
	temp := filepath.Join(filepath.Dir(f.Path), ".it's a file.rcprov")
	if err := os.WriteFile(temp, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := modules.WriteFile(t.Context(), &moduletest.Host{}, f); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"it's a file": "-rw-r----- " + string(f.Content)}
	if diff := cmp.Diff(want, see(t, filepath.Dir(f.Path))); diff != "" {
		t.Error("the directory is not as wanted")
	}

	f.Path = filepath.Join(f.Path, "x")
	const words = "Not a directory"
	if err := modules.WriteFile(t.Context(), &moduletest.Host{}, f); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v, want %q", err, words)
	}
}

func TestFileHint(t *testing.T) {
	t.Parallel()
	tests := []struct{ said, want string }{
		{"dd: error writing '/srv/.x.rcprov': No space left on device", "See `df -h /srv` and `df -i /srv` on the host, make room, then run the same command again."},
		{"dd: failed to open '/srv/.x.rcprov': Read-only file system", "See `findmnt -T /srv` on the host: it is mounted read-only, or the kernel did that after an error (`dmesg`)."},
		{"dd: failed to open '/srv/.x.rcprov': No such file or directory", "Add a `directory` step for /srv before this one."},
		{"mkdir: cannot create directory '/srv/x': Not a directory", "A part of the path /srv/x is a file: see `namei -l /srv/x` on the host."},
		{"chgrp: invalid group: 'web'", "There is no group \"web\" on the host. Add a `group` step for it before this one, or correct the name."},
		{"chown: invalid user: 'alice'", "There is no user \"alice\" on the host. Add a `user` step for it before this one, or correct the name."},
		{"mv: something else", ""},
	}
	for _, test := range tests {
		failed := modules.NewCommandError(modules.Command{Argv: []string{"sh"}}, modules.Result{Stderr: []byte(test.said + "\n"), Status: 1})
		err := modules.FileHint(failed, "/srv/x")
		got := ""
		if advice := (*modules.HintError)(nil); errors.As(err, &advice) {
			got = advice.Hint
		}
		if got != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.said, got, test.want)
		}
	}
	if lost := errors.New("connection lost"); modules.FileHint(lost, "/srv/x") != lost { //nolint:errorlint // it must be the same, not one that wraps it
		t.Error("an error that no command made got a hint")
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/etc/motd": "", "/": "", "/a b/c'd": "",
		"":          `must be an absolute path, not ""`,
		"etc":       `must be an absolute path, not "etc"`,
		"/etc/":     `must not end with a slash: "/etc/"`,
		"/etc//x":   `must be a clean path: "/etc/x", not "/etc//x"`,
		"/a/../etc": `must be a clean path: "/etc", not "/a/../etc"`,
		"/a\nb":     `must not contain a newline: "/a\nb"`,
	} {
		got := ""
		if err := modules.CheckPath(path); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("CheckPath(%q) = %q, want %q", path, got, want)
		}
	}
	for text, want := range map[string]string{"644": "0644", "0644": "0644", "1777": "1777", "4755": "4755", "04755": "4755", "00644": "0644", "0": "", "rw": "", "0844": "", "10000": "", "77777": "", "000644": "", "": ""} {
		mode, err := modules.ParseMode(text)
		if want == "" && err == nil || want != "" && (err != nil || modules.OctalMode(mode) != want) {
			t.Errorf("ParseMode(%q) = %v, %v; want %q", text, mode, err, want)
		}
	}
}

// TestWriteFileKilled kills the shell on the host half way, with the temporary file written.
func TestWriteFileKilled(t *testing.T) {
	t.Parallel()
	f := mine(t, "new")
	if err := os.WriteFile(f.Path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	killed := f
	killed.Validate = []string{"sh", "-c", "kill -9 $PPID", "%s"}
	if err := modules.WriteFile(t.Context(), &moduletest.Host{}, killed); err == nil {
		t.Error("a killed shell is no error")
	}
	want := map[string]string{"it's a file": "-rw------- old", ".it's a file.rcprov": "-rw-r----- new"}
	if diff := cmp.Diff(want, see(t, filepath.Dir(f.Path))); diff != "" {
		t.Errorf("after the kill (-want +got):\n%s", diff)
	}
	if err := modules.WriteFile(t.Context(), &moduletest.Host{}, f); err != nil {
		t.Fatal(err)
	}
	want = map[string]string{"it's a file": "-rw-r----- new"}
	if diff := cmp.Diff(want, see(t, filepath.Dir(f.Path))); diff != "" {
		t.Errorf("after the next run (-want +got):\n%s", diff)
	}
}
