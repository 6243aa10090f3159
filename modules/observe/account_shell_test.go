//go:build unix

package observe_test

import (
	"os/exec"
	"testing"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestAccountScripts asks this machine in each shell: root is on all of them.
func TestAccountScripts(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("getent"); err != nil {
		t.Skip("NOT RUN: this machine has no getent")
	}
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		var q observe.Query
		question := observe.GroupQuestion{Name: "root", PrimaryOf: true}
		observe.User.Ask(&q, "root")
		observe.User.Ask(&q, "no$such user")
		observe.Group.Ask(&q, question)
		s, err := q.Run(t.Context(), host)
		must(t, err)
		if root, err := observe.User.Get(s, "root"); err != nil || root.UID != 0 || root.Group != "root" {
			t.Errorf("root is %+v, %v", root, err)
		}
		if no, err := observe.User.Get(s, "no$such user"); err != nil || no.Exists {
			t.Errorf("nobody is %+v, %v", no, err)
		}
		if group, err := observe.Group.Get(s, question); err != nil || !group.Exists || len(group.PrimaryOf) == 0 {
			t.Errorf("group root is %+v, %v", group, err)
		}
	})
}
