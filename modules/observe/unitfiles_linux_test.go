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
		script := "export LC_ALL=C\nshown='Id=x.service\nLoadState=loaded\nActiveState=active'\nstamps=" + Quote(stamp.Text("x.service")) +
			"\nset -- " + all + " " + Quote(at("watched")) + unitFilesScript
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

// TestLostDirectory runs a program in a directory that is removed under it.
func TestLostDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, link := filepath.Join(dir, "a release"), filepath.Join(dir, "current")
	if err := errors.Join(os.Mkdir(release, 0o700), os.Symlink(release, link)); err != nil {
		t.Fatal(err)
	}
	program := exec.Command("sleep", "60")
	program.Dir = release
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = program.Process.Kill(), program.Wait() })
	shown := fmt.Sprintf("Id=x.service\nLoadState=loaded\nActiveState=active\nMainPID=%d\n", program.Process.Pid)
	ask := func(more string) UnitInfo {
		t.Helper()
		script := "export LC_ALL=C\nshown=" + Quote(shown+more) + "\nstamps=\nset -- no " + Quote(link) + unitFilesScript
		out, err := exec.Command("sh", "-c", script).Output()
		if err != nil {
			t.Fatal(err)
		}
		q := UnitQuestion{Name: "x.service", Watch: link}
		got := parseUnits([]UnitQuestion{q}, Reply{Stdout: out})[q]
		if f := got.Value.Files[link]; got.Err != nil || f.Err != nil || f.Fingerprint != "->"+release {
			t.Fatalf("%v, %v: the link is %q\n%s", got.Err, f.Err, f.Fingerprint, out)
		}
		return got.Value
	}
	if got := ask("WorkingDirectory=" + link); got.LostDirectory != "" {
		t.Errorf("lost %q, which is there", got.LostDirectory)
	}
	if err := os.Remove(release); err != nil {
		t.Fatal(err)
	}
	if got := ask("WorkingDirectory=" + link); got.LostDirectory != release {
		t.Errorf("lost %q, not %q", got.LostDirectory, release)
	}
	if got := ask("WorkingDirectory="); got.LostDirectory != "" {
		t.Errorf("lost %q, which the program chose itself", got.LostDirectory)
	}
}

// TestLostProgram runs a program that is removed under it, and then replaced.
func TestLostProgram(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a program")
	install := func() error { return exec.Command("cp", "/bin/sleep", file).Run() }
	if err := install(); err != nil {
		t.Fatal(err)
	}
	program := exec.Command(file, "60")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = program.Process.Kill(), program.Wait() })
	shown := fmt.Sprintf("Id=x.service\nLoadState=loaded\nActiveState=active\nMainPID=%d\n", program.Process.Pid)
	check := func(lost, replaced string) {
		t.Helper()
		out, err := exec.Command("sh", "-c", "export LC_ALL=C\nshown="+Quote(shown)+"\nstamps=\nset -- no"+unitFilesScript).Output()
		if err != nil {
			t.Fatal(err)
		}
		q := UnitQuestion{Name: "x.service"}
		if got := parseUnits([]UnitQuestion{q}, Reply{Stdout: out})[q]; got.Value.LostProgram != lost || got.Value.ReplacedProgram != replaced {
			t.Errorf("%v: lost %q, replaced %q, want %q and %q\n%s", got.Err, got.Value.LostProgram, got.Value.ReplacedProgram, lost, replaced, out)
		}
	}
	check("", "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	check(file, "")
	if err := install(); err != nil {
		t.Fatal(err)
	}
	check("", file)
}

// TestMovedProgram runs a program in a directory that an archive replaces: it moves the old one away and removes it there.
func TestMovedProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, old := filepath.Join(dir, "tool", "bin", "x"), filepath.Join(dir, ".tool.rcprov", "old")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.MkdirAll(filepath.Dir(old), 0o700), exec.Command("cp", "/bin/sleep", file).Run()); err != nil {
		t.Fatal(err)
	}
	program := exec.Command(file, "60")
	program.Dir = filepath.Dir(file)
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = program.Process.Kill(), program.Wait() })
	if err := errors.Join(os.Rename(filepath.Join(dir, "tool"), old), os.RemoveAll(old)); err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("Id=x.service\nLoadState=loaded\nActiveState=active\nWorkingDirectory=%s\nMainPID=%d\n", program.Dir, program.Process.Pid)
	check := func(lost, replaced string) {
		t.Helper()
		out, err := exec.Command("sh", "-c", "export LC_ALL=C\nshown="+Quote(shown)+"\nstamps=\nset -- no"+unitFilesScript).Output()
		if err != nil {
			t.Fatal(err)
		}
		q := UnitQuestion{Name: "x.service"}
		got := parseUnits([]UnitQuestion{q}, Reply{Stdout: out})[q].Value
		if got.LostProgram != lost || got.ReplacedProgram != replaced || got.LostDirectory != program.Dir {
			t.Errorf("lost %q, replaced %q, in %q; want %q and %q\n%s", got.LostProgram, got.ReplacedProgram, got.LostDirectory, lost, replaced, out)
		}
	}
	check(file, "")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o700)); err != nil {
		t.Fatal(err)
	}
	check("", file)
}
