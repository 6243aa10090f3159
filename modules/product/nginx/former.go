package nginx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// header is the first line of the sites that rcprov writes: that of templates/nginx/site.conf.tmpl.
const header = "# Written by rcprov; changes made here are undone."

// named lists, of each site in [Dir], the header and the line with its names: "PATH:LINE".
var named = observe.NewLines("sites of nginx",
	`grep -Hs -e '^`+strings.ReplaceAll(header, ".", `\.`)+`$' -e '^[[:space:]]server_name ' `+Dir+`/*.conf || [ $? -le 2 ]`)

// formerSites returns the files that rcprov wrote for a site with one of names, apart from path: nginx would serve one of the
// two, and nobody knows which.
func formerSites(s *observe.Snapshot, names []string, path string) (paths []string, err error) {
	lines, err := named.Get(s, struct{}{})
	if err != nil {
		return nil, fmt.Errorf("look for sites of nginx: %w", err)
	}
	written := make(map[string]bool)
	for _, line := range lines {
		p, text, _ := strings.Cut(line, ":")
		if text == header {
			written[p] = true
			continue
		}
		words := strings.Fields(strings.TrimSuffix(text, ";"))
		has := func(name string) bool { return slices.Contains(words, name) }
		if written[p] && p != path && slices.ContainsFunc(names, has) && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths, nil
}

// removal is the work of removing a file that is there.
func removal(path string) (fileWork, error) {
	f := &file.Step{Path: path, Absent: true, Backup: true}
	there := observe.NewSnapshot()
	observe.File.Put(there, observe.FileQuestion{Path: path}, observe.FileInfo{Type: observe.Regular}, nil)
	change, err := f.Diff(there)
	return fileWork{f, change}, err
}

// claimNames returns the claims of a site at path.
func claimNames(names []string, path string) (all []modules.Claim) {
	for _, name := range names {
		thing := modules.Claim{Thing: modules.Thing{Kind: "nginx's site for", Name: name}}
		all = append(all, thing.With("file", path))
	}
	return all
}
