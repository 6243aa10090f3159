package observe

import "slices"

// Only reports whether all questions of q are of kinds, each a *[Kind] or *[Probe].
func (q *Query) Only(kinds ...any) bool {
	for id := range q.seen {
		if !slices.Contains(kinds, id.kind) {
			return false
		}
	}
	return true
}
