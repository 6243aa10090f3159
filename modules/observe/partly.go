package observe

import "maps"

// What a step asks may depend on an answer. These ask as much as possible before it is there.

// AskCommon asks what both one and other ask.
func (q *Query) AskCommon(one, other func(*Query)) {
	var others Query
	other(&others)
	within := *q
	within.only = others.seen
	if within.only == nil {
		return
	}
	one(&within)
	within.only = q.only
	*q = within
}

// AskMissing asks what ask asks and s has no answer to.
func (q *Query) AskMissing(s *Snapshot, ask func(*Query)) {
	q.known = s.answers
	ask(q)
	q.known = nil
}

// Add adds the answers of another look at the same host, with nothing changed in between.
func (s *Snapshot) Add(other *Snapshot) { maps.Copy(s.answers, other.answers) }
