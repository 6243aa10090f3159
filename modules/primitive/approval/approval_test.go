package approval

import (
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Go on?\n": "", " \n": "text: is empty: who is to approve should know what"} {
		step, err := New(Args{Text: text}, modules.Env{})
		if moduletest.ErrorText(err) != want {
			t.Errorf("%q: error %q, want %q", text, moduletest.ErrorText(err), want)
		}
		if got := step.(modules.Approval).Question(); err == nil && got != "Go on?" {
			t.Errorf("question %q", got)
		}
		moduletest.WantDiff(t, step, observe.NewSnapshot(), nil, "")
	}
}
