package nginx

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// reads reports whether nginx reads the file name, by the includes of files; also if nginx.conf is not there.
func reads(files []*siteFile, name string) bool {
	named := func(wanted string) func(*siteFile) bool { return func(f *siteFile) bool { return f.Path == wanted } }
	first := slices.IndexFunc(files, named(packageFile))
	if first < 0 {
		return true
	}
	read := []*siteFile{files[first]}
	for i := 0; i < len(read); i++ {
		for _, pattern := range read[i].Includes {
			if fits(pattern, name) {
				return true
			}
			for _, f := range files {
				if fits(pattern, f.Path) && !slices.Contains(read, f) {
					read = append(read, f)
				}
			}
		}
	}
	return false
}

// fits reports whether the pattern of an include names a file.
func fits(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// AskSites has a look answer [CheckRead] and [Twins].
func AskSites(q *observe.Query) { sites.Ask(q, struct{}{}) }

// AskOneAddress has a look answer [OneAddress].
func AskOneAddress(q *observe.Query) {
	sites.Ask(q, struct{}{})
	unread.Ask(q, struct{}{})
}

// PutSites sets the answers to [AskSites] and [AskOneAddress], for tests: lines as sites.sh prints them, of files that nginx has read.
func PutSites(s *observe.Snapshot, lines ...string) {
	sites.Put(s, struct{}{}, lines, nil)
	unread.Put(s, struct{}{}, nil, nil)
}

// CheckRead returns an error if nginx does not read a file of a site: a reload would drop the site.
func CheckRead(s *observe.Snapshot, name string) error {
	there, err := lookAtSites(s)
	if err != nil || reads(there, name) {
		return err
	}
	dir := path.Dir(name)
	return modules.WithHint(fmt.Errorf("nginx does not read %s: %s has no include for %s", name, packageFile, strings.TrimPrefix(dir, etc)),
		"Add the line `include %s/*.conf;` to the http block of that file. nginx was not reloaded: it would have dropped the sites that it has read from there.", dir)
}

// Twins returns notes about the names of the site at a path that a file of somebody else has, too.
func Twins(s *observe.Snapshot, names []string, name string) ([]string, error) {
	there, err := lookAtSites(s)
	return twins(there, names, name, 443), err
}

// OneAddress reports whether nginx may have a server that has port 443 or 80 of an address to itself: by its files, or because they
// have changed since it read them.
func OneAddress(s *observe.Snapshot) (bool, error) {
	there, err := lookAtSites(s)
	if err != nil {
		return false, err
	}
	lines, err := lookAtUnread(s)
	return len(lines) > 0 || slices.ContainsFunc(there, (*siteFile).oneAddress), err
}
