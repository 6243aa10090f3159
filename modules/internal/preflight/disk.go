package preflight

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Disk is the room that a step needs for its files. The needs of steps that are still to be done add up on each file
// system.
type Disk struct {
	Path  string // where the files go; it need not be there yet
	Bytes int64
}

var _ modules.Requirement = Disk{}

// Topic implements [modules.Requirement].
func (Disk) Topic() modules.Topic { return modules.TopicDisk }

// Observe implements [modules.Requirement].
func (d Disk) Observe(q *observe.Query) { room.Ask(q, d.Path) }

// Test implements [modules.Requirement].
func (d Disk) Test(s *observe.Snapshot, before []modules.Need) *modules.Finding {
	is, err := room.Get(s, d.Path)
	if err != nil {
		return unknown("how much room is at "+d.Path, err)
	}
	var others int64
	for _, n := range before {
		other, ok := n.Requirement.(Disk)
		if !ok || !n.Pending {
			continue
		}
		if there, err := room.Get(s, other.Path); err == nil && there.Mount == is.Mount {
			others += other.Bytes
		}
	}
	if is.Free >= d.Bytes+others {
		return nil
	}
	return wrong(fmt.Errorf("%s has %s free for %s, and %s", is.Mount, size(is.Free), d.Path, needs(d.Bytes, others)),
		"Make room (`du -xh -d 2 %s | sort -h | tail` tells what takes it), or put a larger file system there.", is.Mount)
}

// space is a file system.
type space struct {
	Mount string // where it is mounted
	Free  int64  // in bytes, for everybody but root
}

//go:embed disk.sh
var roomScript string

// room answers which file system a path is, or would be, on.
var room = &observe.Kind[string, space]{
	Name: "disk",
	Script: func(paths []string) string {
		return shell.Script(roomScript, shell.Vars{"paths": shell.QuoteAll(paths)})
	},
	Parse: parseRoom,
}

// parseRoom reads a header and a line for each path, in their order: "  57012312 /mount".
func parseRoom(paths []string, reply observe.Reply) map[string]observe.Answer[space] {
	lines := reply.Lines()
	answers := make(map[string]observe.Answer[space])
	if len(lines) != len(paths)+1 {
		return answers // df complained of something, and which line is which is unknown
	}
	for i, path := range paths {
		number, mount, _ := strings.Cut(strings.TrimLeft(lines[i+1], " "), " ")
		blocks, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			answers[path] = observe.Answer[space]{Err: fmt.Errorf("df answered %q", lines[i+1])}
			continue
		}
		answers[path] = observe.Answer[space]{Value: space{Mount: mount, Free: blocks * 1024}}
	}
	return answers
}
