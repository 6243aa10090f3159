package job

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
)

func TestRunWhile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	result, err := runWhile(t.Context(), l, Job{Name: "a", Command: modules.Command{Argv: []string{"echo", "done"}}}, l.at)
	if string(result.Stdout) != "done\n" || err != nil {
		t.Fatalf("output %q, %v", result.Stdout, err)
	}

	// Stopped in the middle: none of its processes lives on, and nothing is left of it.
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	begun, over := filepath.Join(l.state, "begun"), filepath.Join(l.state, "over")
	go func() {
		for !exists(begun) && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel(enough)
	}()
	script := `trap '' TERM; mkfifo "$STATE/fifo"; (: >"$STATE/begun"; read -r line <"$STATE/fifo"; : >"$STATE/over") & wait`
	_, err = runWhile(ctx, l, Job{Name: "a", Command: modules.Command{Script: script}}, l.at)
	if !errors.Is(err, enough) {
		t.Errorf("error %v, want %v", err, enough)
	}
	if left := l.left(t); left != nil {
		t.Errorf("left on the host: %q", left)
	}
	fifo, err := os.OpenFile(filepath.Join(l.state, "fifo"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fifo.Close() }()
	if _, err := fifo.WriteString("go on\n"); err != nil || exists(over) {
		t.Errorf("a process of the job lives: %v", err)
	}
	runs := l.runs(t)
	if _, err := runWhile(ctx, l, Job{Name: "a", Command: modules.Command{Argv: []string{"true"}}}, l.at); !errors.Is(err, enough) || l.runs(t) != runs {
		t.Errorf("a job was started that was stopped already: %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
