package modules_test

import (
	"encoding/json"
	"testing"

	"github.com/rcprov/rcprov/modules"
)

func TestEditJSON(t *testing.T) {
	t.Parallel()
	e := modules.Edit{Action: modules.Update, Subject: "/x", Field: "content", From: "a", To: "b", Text: &modules.Text{Old: "c", New: "d"}}
	for _, test := range []struct {
		sensitive bool
		want      string
	}{
		{false, `{"action":"update","subject":"/x","field":"content","from":"a","to":"b","text":{"old":"c","new":"d"}}`},
		{true, `{"action":"update","subject":"/x","field":"content","sensitive":true}`},
	} {
		e.Sensitive = test.sensitive
		got, err := json.Marshal(modules.Change{Edits: []modules.Edit{e}}.Edits[0])
		if err != nil || string(got) != test.want {
			t.Errorf("got %s, %v; want %s", got, err, test.want)
		}
	}
}
