package plan_test

import (
	"testing"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
)

func TestSelects(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		chosen, address string
		selects, may    bool
	}{
		{"file.motd", "file.motd", true, true},
		{"file.motd", "file.motd2", false, false},
		{"file.motd", `file.motd["a/b"]`, true, true},
		{`file.motd["a"]`, `file.motd["a/b"]`, false, false},
		{`file.motd["a/b"]`, `file.motd["a/b"]`, true, true},
		{`file.motd["a"]`, "file.motd", false, true},
		{"base", `base["a"]/file.motd`, true, true},
		{"base/file.motd", `base["a"]/file.motd["b"]`, true, true},
		{`base["b"]/file.motd`, `base["a"]/file.motd`, false, false},
		{"base/inner", "base/inner/file.motd", true, true},
		{"mongod.rs0", "mongod.rs0/keyfile", true, true},
		{"mongod.rs0/keyfile", "mongod.rs0", false, true},
		{`mongod.rs0["a"]/keyfile`, `mongod.rs0["a"]`, false, true},
		{"mongod.rs1/keyfile", "mongod.rs0", false, false},
		{`file["a \"/b"]`, `file["a \"/b"]["k"]`, true, true},
	} {
		if got := plan.Selects(row.chosen, row.address); got != row.selects {
			t.Errorf("Selects(%s, %s) is %v", row.chosen, row.address, got)
		}
		if got := plan.MaySelect(row.chosen, row.address); got != row.may {
			t.Errorf("MaySelect(%s, %s) is %v", row.chosen, row.address, got)
		}
	}
}
