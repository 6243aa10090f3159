package observe

import (
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
