package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Memory is how much of it a step keeps in use. The needs of all steps of a host add up, also of those that are done.
type Memory struct {
	Facts *observe.Facts
	Bytes int64
}

var _ modules.Requirement = Memory{}

// Topic implements [modules.Requirement].
func (Memory) Topic() modules.Topic { return modules.TopicMemory }

// Observe implements [modules.Requirement].
func (Memory) Observe(*observe.Query) {}

// Test implements [modules.Requirement]. A machine of 2 GB has less for its programs: firmware and kernel take some, up
// to an eighth.
func (m Memory) Test(_ *observe.Snapshot, before []modules.Need) *modules.Finding {
	var others int64
	for _, n := range before {
		if other, ok := n.Requirement.(Memory); ok {
			others += other.Bytes
		}
	}
	total := m.Bytes + others
	if m.Facts.MemoryBytes >= total-total/8 {
		return nil
	}
	return wrong(fmt.Errorf("the host has %s of memory, and %s", size(m.Facts.MemoryBytes), needs(m.Bytes, others)),
		"Take a host with %s or more.", size(total))
}

// CPU is something that the processor must be able to do.
type CPU struct {
	Facts   *observe.Facts
	Flag    string // as /proc/cpuinfo has it: "avx"
	Name    string // for people: "AVX"
	Without string // what happens without it: "mongod ends with an illegal instruction"
}

var _ modules.Requirement = CPU{}

// Topic implements [modules.Requirement].
func (CPU) Topic() modules.Topic { return modules.TopicCPU }

// Observe implements [modules.Requirement].
func (CPU) Observe(*observe.Query) {}

// Test implements [modules.Requirement].
func (c CPU) Test(*observe.Snapshot, []modules.Need) *modules.Finding {
	if slices.Contains(c.Facts.CPUFlags, c.Flag) {
		return nil
	}
	return wrong(fmt.Errorf("the host's processor has no %s, without which %s", c.Name, c.Without),
		"Of a virtual machine, set the model of its processor to that of the machine (`host` of QEMU), or take another host.")
}

// Release is the releases of distributions that something is made for.
type Release struct {
	Facts *observe.Facts
	What  string              // "MongoDB 8.0"
	For   map[string][]string // codenames by ID of os-release(5): {"debian": {"bookworm"}}
	Hint  string              // what to do on another one
}

var _ modules.Requirement = Release{}

// Topic implements [modules.Requirement].
func (Release) Topic() modules.Topic { return modules.TopicRelease }

// Observe implements [modules.Requirement].
func (Release) Observe(*observe.Query) {}

// Test implements [modules.Requirement].
func (r Release) Test(*observe.Snapshot, []modules.Need) *modules.Finding {
	is := r.Facts.OS
	if slices.Contains(r.For[is.ID], is.Codename) {
		return nil
	}
	var known []string
	for _, id := range slices.Sorted(maps.Keys(r.For)) {
		known = append(known, strings.ToUpper(id[:1])+id[1:]+" "+strings.Join(r.For[id], ", "))
	}
	return wrong(fmt.Errorf("%s is not made for %s: it is for %s", r.What, is.Name, strings.Join(known, "; ")), "%s", r.Hint)
}
