package nginx

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed unread.sh
var unreadScript string

// unread lists what unread.sh prints: nothing if nginx has read all its files as they are.
var unread = observe.NewLines("what nginx has not read yet", shell.Script(unreadScript, shell.Vars{"etc": strings.TrimSuffix(etc, "/"), "run": "/run"}))

func lookAtUnread(s *observe.Snapshot) ([]string, error) {
	lines, err := unread.Get(s, struct{}{})
	if err != nil {
		return nil, fmt.Errorf("look for changes that nginx has not read: %w", err)
	}
	return lines, nil
}

// place matches the end of a message of nginx about a file: " in /etc/nginx/conf.d/a.conf:3".
var place = regexp.MustCompile(` in (/\S+):[0-9]+$`)

// refused returns notes about what nginx refuses in files of somebody else: nobody learns of it before the next reload, or the
// next start, fails. The files that rcprov wrote are repaired by their steps.
func refused(s *observe.Snapshot) (notes []string, err error) {
	lines, err := lookAtUnread(s)
	if err != nil || len(lines) < 2 {
		return nil, err
	}
	files, err := lookAtSites(s)
	if err != nil {
		return nil, err
	}
	for _, said := range once([]byte(strings.Join(lines[1:], "\n"))) {
		if !strings.HasPrefix(said, "[emerg]") {
			continue
		}
		at := place.FindStringSubmatch(said)
		if at != nil && slices.ContainsFunc(files, func(f *siteFile) bool { return f.Ours && f.Path == at[1] }) {
			continue
		}
		notes = append(notes, "nginx goes on with what it read before, and would not start with its files as they are: "+said)
	}
	return notes, nil
}
