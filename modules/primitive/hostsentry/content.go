package hostsentry

import (
	"net/netip"
	"slices"
	"strings"
)

// desired are the names that an address should have, or not.
type desired struct {
	ip     netip.Addr
	names  []string
	absent bool
}

// entry is a line of hosts(5): "IP NAME NAME # comment".
type entry struct {
	ip      netip.Addr // not valid for a line that has no address: empty, a comment, something odd
	names   []string
	comment string // with the space before it
	line    string // unchanged, with its end; empty when the names changed
}

func parseEntry(line string) entry {
	e := entry{line: line}
	text := strings.TrimRight(line, "\r\n")
	fields := text
	if i := strings.IndexByte(text, '#'); i >= 0 {
		fields = text[:i]
		e.comment = text[len(strings.TrimRight(fields, " \t")):]
	}
	words := strings.Fields(fields)
	if len(words) < 2 {
		return e
	}
	ip, err := netip.ParseAddr(words[0])
	if err != nil {
		return e
	}
	e.ip, e.names = ip, words[1:]
	return e
}

// setNames replaces the names; an entry without names has no line.
func (e *entry) setNames(names []string) { e.names, e.line = names, "" }

func (e entry) String() string {
	switch {
	case e.line != "":
		return e.line
	case len(e.names) == 0:
		return ""
	}
	return e.ip.String() + "\t" + strings.Join(e.names, " ") + e.comment + "\n"
}

func (d desired) wants(name string) bool {
	return slices.ContainsFunc(d.names, func(n string) bool { return strings.EqualFold(n, name) })
}

// newContent returns the desired content of the file, which is old itself if it has converged.
func newContent(old string, d desired) string {
	var entries []entry
	for line := range strings.Lines(old) {
		entries = append(entries, parseEntry(line))
	}
	if d.absent {
		d.take(entries, func(e entry) bool { return e.ip == d.ip })
	} else {
		d.take(entries, func(e entry) bool { return e.ip != d.ip && e.ip.Is4() == d.ip.Is4() && e.ip.IsValid() })
		entries = d.give(entries)
	}
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.String())
	}
	return b.String()
}

// take removes the names from the entries for which from is true.
func (d desired) take(entries []entry, from func(entry) bool) {
	for i := range entries {
		if e := &entries[i]; from(*e) && slices.ContainsFunc(e.names, d.wants) {
			e.setNames(slices.DeleteFunc(slices.Clone(e.names), d.wants))
		}
	}
}

// give puts the names, in their order, on the first line of the address that has no other names. Names on a line of the
// address that also has other names ("127.0.0.1 localhost db") stay there.
func (d desired) give(entries []entry) []entry {
	own := -1
	missing := slices.Clone(d.names)
	for i := range entries {
		e := &entries[i]
		if e.ip != d.ip || !slices.ContainsFunc(e.names, d.wants) {
			continue
		}
		switch foreign := slices.ContainsFunc(e.names, func(n string) bool { return !d.wants(n) }); {
		case foreign:
			missing = slices.DeleteFunc(missing, func(n string) bool {
				return slices.ContainsFunc(e.names, func(has string) bool { return strings.EqualFold(n, has) })
			})
		case own < 0:
			own = i
		default: // a second line of ours
			e.setNames(nil)
		}
	}
	switch {
	case own >= 0:
		if !slices.Equal(entries[own].names, missing) {
			entries[own].setNames(missing)
		}
	case len(missing) > 0:
		if last := len(entries) - 1; last >= 0 && entries[last].line != "" && !strings.HasSuffix(entries[last].line, "\n") {
			entries[last].line += "\n"
		}
		entries = append(entries, entry{ip: d.ip, names: missing})
	}
	return entries
}
