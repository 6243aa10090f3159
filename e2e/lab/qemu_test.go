package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestQMP: the lab speaks to QEMU as its protocol says: a greeting, the capabilities, one reply for each command, and events that
// nobody asked for in between.
func TestQMP(t *testing.T) {
	m := &qemuVM{dir: t.TempDir()}
	if _, err := m.dialQMP(); !errors.Is(err, errPoweredOff) {
		t.Fatalf("nobody listens: got %v", err)
	}
	l, err := net.Listen("unix", filepath.Join(m.dir, "qmp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	replies := map[string]string{
		"qmp_capabilities": `{"return": {}}`,
		"query-migrate":    `{"timestamp": {}, "event": "STOP"}` + "\n" + `{"return": {"status": "completed"}}`,
		"migrate":          `{"error": {"class": "GenericError", "desc": "No space left on device"}}`,
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(`{"QMP": {"version": {}, "capabilities": []}}` + "\n"))
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			var request struct{ Execute string }
			if json.Unmarshal(lines.Bytes(), &request) == nil {
				_, _ = conn.Write([]byte(replies[request.Execute] + "\n"))
			}
		}
	}()
	c, err := m.dialQMP()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var migration struct{ Status string }
	if err := c.command("query-migrate", nil, &migration); err != nil || migration.Status != "completed" {
		t.Errorf("got %q, %v", migration.Status, err)
	}
	err = c.command("migrate", map[string]any{"uri": "exec:cat >state"}, nil)
	if want := "QEMU's migrate: No space left on device"; moduletest.ErrorText(err) != want {
		t.Errorf("got %q; want %q", moduletest.ErrorText(err), want)
	}
	long := &qemuVM{dir: filepath.Join(m.dir, strings.Repeat("long", 25))}
	if _, err := long.dialQMP(); !strings.HasSuffix(moduletest.ErrorText(err), "too long for a socket; set RCPROV_LAB_DIR to a shorter path") {
		t.Errorf("a path that is too long: got %v", err)
	}
}
