package authorizedkey

import (
	"errors"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestForesee is about plans in which earlier steps change the file of the keys, or where it is.
func TestForesee(t *testing.T) {
	t.Parallel()
	const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice\n"
	const home, keys = "/home/alice", "/home/alice/.ssh/authorized_keys"
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	step := &Step{User: "alice", Key: key}
	own := func(mode uint32) node { return node{Exists: true, Raw: mode, UID: 1000} }
	there := keyFile{
		UserExists: true, UID: 1000, Path: keys, Home: own(0o040755), Dir: own(0o040700), File: own(0o100600), Content: []byte(line),
	}
	rights := &observe.Rights{Mode: 0o600, Owner: "alice", Group: "alice"}
	other := []byte("# none\n")
	moved := observe.UserInfo{Exists: true, UID: 1000, Home: "/srv/alice"}
	for _, test := range []struct {
		name    string
		seen    keyFile
		foresee func(*observe.Snapshot, *observe.Forecast)
		edits   int
		unknown bool
		err     string // certain
	}{
		{name: "nothing", seen: there},
		{name: "written without the key", seen: there, foresee: func(_ *observe.Snapshot, f *observe.Forecast) { f.Write(keys, observe.KnownContent(other), rights) }, edits: 1},
		{name: "written with the key", seen: keyFile{UserExists: true, UID: 1000, Path: keys}, foresee: func(_ *observe.Snapshot, f *observe.Forecast) {
			f.Write(keys, observe.KnownContent([]byte(line)), rights)
		}},
		{name: "a mode that sshd refuses", seen: there, foresee: func(_ *observe.Snapshot, f *observe.Forecast) {
			f.Touch(keys, &observe.Rights{Mode: 0o666, Owner: "alice", Group: "alice"})
		}, edits: 1},
		{name: "an owner that sshd refuses", seen: there, foresee: func(_ *observe.Snapshot, f *observe.Forecast) {
			f.Touch(keys, &observe.Rights{Mode: 0o600, Owner: "bob", Group: "bob"})
		}, edits: 1},
		{name: "removed", seen: there, foresee: func(_ *observe.Snapshot, f *observe.Forecast) { f.Remove(keys) }, edits: 1},
		{name: "the directory removed", seen: there, foresee: func(_ *observe.Snapshot, f *observe.Forecast) { f.Remove(home) }, edits: 1},
		{name: "a content that nobody knows", seen: there, foresee: func(_ *observe.Snapshot, f *observe.Forecast) { f.Write(keys, observe.NewContent, rights) }, unknown: true},
		{name: "a command that names it", seen: there, foresee: func(_ *observe.Snapshot, f *observe.Forecast) {
			f.May(observe.Cause{Name: "a command", Bounded: true, Text: "cp keys " + keys})
		}, unknown: true},
		{name: "another home", seen: there, foresee: func(s *observe.Snapshot, _ *observe.Forecast) { observe.User.Foresee(s, "alice", moved) }, unknown: true},
		{name: "another home, which is made", seen: there, foresee: func(s *observe.Snapshot, f *observe.Forecast) {
			observe.User.Foresee(s, "alice", moved)
			f.Directory("/srv/alice", rights)
		}, edits: 1},
		{name: "added by a step for the same file", seen: keyFile{UserExists: true, UID: 1000, Path: keys, Home: own(0o040755)}, foresee: func(s *observe.Snapshot, _ *observe.Forecast) {
			step.Foresee(s, modules.Change{})
		}},
		{name: "the user goes", seen: there, foresee: func(s *observe.Snapshot, _ *observe.Forecast) { observe.User.Foresee(s, "alice", observe.UserInfo{}) }, err: "there is no user alice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			keyFiles.Put(s, step.question(), test.seen, nil)
			observe.User.Put(s, "alice", observe.UserInfo{}, nil)
			observe.File.Put(s, observe.FileQuestion{Path: "/srv/alice"}, observe.FileInfo{}, nil)
			if test.foresee != nil {
				test.foresee(s, s.Forecast())
			}
			shown, _, err := modules.Preview(step, s)
			if test.err != "" {
				if err == nil || err.Error() != test.err || errors.Is(err, observe.ErrUnknown) {
					t.Errorf("error %v, want %s", err, test.err)
				}
				return
			}
			if errors.Is(err, observe.ErrUnknown) != test.unknown || err != nil && !test.unknown || len(shown.Edits) != test.edits {
				t.Errorf("%+v, %v", shown.Edits, err)
			}
		})
	}
}
