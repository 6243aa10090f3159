package observe

import "testing"

func TestOnly(t *testing.T) {
	t.Parallel()
	var q Query
	if !q.Only(File) {
		t.Error("no question is of another kind")
	}
	File.Ask(&q, FileQuestion{Path: "/x"})
	Clock.Ask(&q, struct{}{})
	if q.Only(File) || !q.Only(Clock, File) {
		t.Errorf("only files: %v; files and the clock: %v", q.Only(File), q.Only(Clock, File))
	}
}
