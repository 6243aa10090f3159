package mongod

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestExplain is about a server without the directory of its log, which says so in its journal; that is played by a script.
func TestExplain(t *testing.T) {
	dir := t.TempDir()
	const line = `{"s":"F","c":"CONTROL","msg":"Error during global initialization","attr":{"error":{"errmsg":"Can't initialize rotatable log file :: ` +
		`caused by :: Failed to open /var/log/mongodb/mongod.log"}}}`
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte("#!/bin/sh\ncat <<'END'\n"+line+"\nEND\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	err := (&Answers{}).explain(t.Context(), &moduletest.Host{}, errEnded)
	want := "mongod ended soon after its start: Error during global initialization: Can't initialize rotatable log file :: " +
		"caused by :: Failed to open /var/log/mongodb/mongod.log"
	hint := (*modules.HintError)(nil)
	if moduletest.ErrorText(err) != want || !errors.As(err, &hint) || !strings.Contains(hint.Hint, "`install -d -o mongodb -g mongodb /var/log/mongodb`") {
		t.Errorf("error %v, want %q; hint %+v", err, want, hint)
	}
}

// TestExplainOwner is about files that belong to somebody else, a full disk, and a configuration that was replaced just now; a
// script plays the host.
func TestExplainOwner(t *testing.T) {
	t.Parallel()
	const line = `{"s":"E","c":"STORAGE","msg":"WiredTiger error","attr":{"error":13,"message":"open: Permission denied"}}
{"s":"F","c":"CONTROL","msg":"Terminating","attr":{"reason":"Unable to open: Permission denied"}}
`
	for _, test := range []struct{ said, want, hint string }{
		{
			said: "rcprov-owner root /var/lib/mongodb/WiredTiger.wt\n" + line,
			want: "mongod ended soon after its start: Terminating: Unable to open: Permission denied; /var/lib/mongodb/WiredTiger.wt belongs to root",
			hint: "The user of mongod must own its files: `chown -R mongodb: /var/lib/mongodb` on the host, then run the same command again.",
		},
		{
			said: "rcprov-full /var/lib/mongodb\n" + line,
			want: "mongod ended soon after its start: Terminating: Unable to open: Permission denied; there is no room left in /var/lib/mongodb",
			hint: "See `df -h` and `df -i` on the host, make room, then run the same command again.",
		},
		{
			said: "rcprov-owner root /var/lib/mongodb/mine\nrcprov-replaced\nError parsing YAML\n",
			want: "mongod ended soon after its start: Error parsing YAML",
			hint: "`journalctl -u mongod` and `tail /var/log/mongodb/mongod.log` on the host say more; the previous configuration is /var/lib/rcprov/backup/etc/mongod.conf.",
		},
		{
			said: "Error parsing YAML\n", want: "mongod ended soon after its start: Error parsing YAML",
			hint: "`journalctl -u mongod` and `tail /var/log/mongodb/mongod.log` on the host say more.",
		},
	} {
		err := (&Answers{}).explain(t.Context(), says(test.said), errEnded)
		hint := (*modules.HintError)(nil)
		if moduletest.ErrorText(err) != test.want || !errors.As(err, &hint) || hint.Hint != test.hint {
			t.Errorf("error %v\n want %q; hint %+v", err, test.want, hint)
		}
	}
}

// says is a host on which every script says the same.
type says string

func (says) Name() string { return "fake" }

func (s says) Run(context.Context, modules.Command) (modules.Result, error) {
	return modules.Result{Stdout: []byte(s)}, nil
}

func (says) Upload(context.Context, string, io.Reader) error { panic("nothing is uploaded") }

func (says) Dial(context.Context, string, string) (net.Conn, error) { panic("nothing is dialled") }

func (says) Reconnect(context.Context, int) (modules.Connection, error) { panic("nobody reconnects") }
