package observe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/shell"
)

// TestStampedFiles is about the files in a unit's stamp that the question doesn't name: a new stamp needs all of them.
func TestStampedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"watched", "a file", "own"} {
		if err := os.WriteFile(at(name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stamp := Stamp{InvocationID: "abc", Files: map[string]StampedFile{
		at("a file"): {CTime: "1.0", Fingerprint: "f"}, at("own"): {Own: true, CTime: "1.0", Fingerprint: "o"},
		at("gone"): {CTime: "1.0", Fingerprint: "g"},
	}}
	for all, want := range map[string][]string{
		"yes": {at("a file"), at("own"), at("watched")},
		"no":  {at("watched")},
	} {
		script := "export LC_ALL=C\n" + shell.Script(unitFilesScript, shell.Vars{
			"shown": "Id=x.service\nLoadState=loaded\nActiveState=active", "stamps": stamp.Text("x.service"),
			"all": all, "watched": shell.Quote(at("watched")),
		})
		for _, shell := range []string{"sh", "bash"} {
			out, err := exec.Command(shell, "-c", script).Output()
			if err != nil && all == "no" {
				t.Fatal(err) // find complains of what is gone
			}
			q := UnitQuestion{Name: "x.service", Watch: at("watched"), Fingerprints: all == "yes"}
			got := parseUnits([]UnitQuestion{q}, Reply{Stdout: out})[q]
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got.Value.Files))); diff != "" || got.Err != nil {
				t.Errorf("%s, all fingerprints: %s: %v (-want +got):\n%s\n%s", shell, all, got.Err, diff, out)
			}
			if f := got.Value.Files[at("a file")]; all == "yes" && len(f.Fingerprint) != 64 {
				t.Errorf("%s: %+v", shell, f)
			}
		}
	}
}

// begin starts a program that waits until the test ends. It is a shell, because other programs look at the name by which
// they are called (uutils).
func begin(t *testing.T, program, dir string) (pid int) {
	t.Helper()
	cmd := exec.Command(program, "-c", "read end")
	cmd.Dir = dir
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = stdin.Close(), cmd.Wait() })
	return cmd.Process.Pid
}

// look asks for a unit with a main program and the given WorkingDirectory=.
func look(t *testing.T, pid int, directory, watch string) UnitInfo {
	t.Helper()
	shown := fmt.Sprintf("Id=x.service\nLoadState=loaded\nActiveState=active\nWorkingDirectory=%s\nMainPID=%d\n", directory, pid)
	script := "export LC_ALL=C\n" + shell.Script(unitFilesScript, shell.Vars{"shown": shown, "stamps": "", "all": "no", "watched": watch})
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	q := UnitQuestion{Name: "x.service", Watch: watch}
	got := parseUnits([]UnitQuestion{q}, Reply{Stdout: out})[q]
	if got.Err != nil {
		t.Fatalf("%v\n%s", got.Err, out)
	}
	return got.Value
}

// TestLostDirectory runs a program in a directory that is removed under it.
func TestLostDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, link := filepath.Join(dir, "a release"), filepath.Join(dir, "current")
	if err := errors.Join(os.Mkdir(release, 0o700), os.Symlink(release, link)); err != nil {
		t.Fatal(err)
	}
	pid := begin(t, "sh", release)
	check := func(directory, want string) {
		t.Helper()
		got := look(t, pid, directory, link)
		if f := got.Files[link]; got.LostDirectory != want || f.Err != nil || f.Fingerprint != "->"+release {
			t.Errorf("with WorkingDirectory=%s lost %q, not %q; the link is %q, %v", directory, got.LostDirectory, want, f.Fingerprint, f.Err)
		}
	}
	check(link, "")
	if err := os.Remove(release); err != nil {
		t.Fatal(err)
	}
	check(link, release)
	check("", "") // the program chose it itself
}

// TestDirectoryWithNewline: a program can call its working directory what it likes, also like an answer about another file.
func TestDirectoryWithNewline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	watched := filepath.Join(dir, "none")
	forged := dir + "/x\nfile\tf\t1.0\t" + watched + "\n"
	if err := os.MkdirAll(forged, 0o700); err != nil {
		t.Fatal(err)
	}
	got := look(t, begin(t, "sh", forged), dir, watched)
	if f := got.Files[watched]; f.Err == nil { // look leaves out find's complaint that there is no such file
		t.Errorf("the file that is not there is %+v", f)
	}
}

// install puts a program of its own at a path.
func install(path string) error { return exec.Command("cp", "/bin/sh", path).Run() }

// TestLostProgram runs a program that is removed under it, and then replaced.
func TestLostProgram(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a program")
	if err := install(file); err != nil {
		t.Fatal(err)
	}
	pid := begin(t, file, "")
	check := func(lost, replaced string) {
		t.Helper()
		if got := look(t, pid, "", ""); got.LostProgram != lost || got.ReplacedProgram != replaced {
			t.Errorf("lost %q, replaced %q, want %q and %q", got.LostProgram, got.ReplacedProgram, lost, replaced)
		}
	}
	check("", "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	check(file, "")
	if err := install(file); err != nil {
		t.Fatal(err)
	}
	check("", file)
}

// TestMovedProgram runs a program in a directory that an archive replaces: it moves the old one away and removes it there.
func TestMovedProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, old := filepath.Join(dir, "tool", "bin", "x"), filepath.Join(dir, ".tool.rcprov", "old")
	bin := filepath.Dir(file)
	if err := errors.Join(os.MkdirAll(bin, 0o700), os.MkdirAll(filepath.Dir(old), 0o700), install(file)); err != nil {
		t.Fatal(err)
	}
	pid := begin(t, file, bin)
	if err := errors.Join(os.Rename(filepath.Join(dir, "tool"), old), os.RemoveAll(old)); err != nil {
		t.Fatal(err)
	}
	check := func(lost, replaced string) {
		t.Helper()
		if got := look(t, pid, bin, ""); got.LostProgram != lost || got.ReplacedProgram != replaced || got.LostDirectory != bin {
			t.Errorf("lost %q, replaced %q, in %q; want %q and %q", got.LostProgram, got.ReplacedProgram, got.LostDirectory, lost, replaced)
		}
	}
	check(file, "")
	if err := errors.Join(os.MkdirAll(bin, 0o700), install(file)); err != nil {
		t.Fatal(err)
	}
	check("", file)
}
