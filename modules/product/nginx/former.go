package nginx

import (
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// formerSites returns those of files that rcprov wrote for a site with one of names, apart from path: nginx would serve one of the
// two, and nobody knows which.
func formerSites(files []*siteFile, names []string, path string) (paths []string) {
	for _, f := range files {
		if f.Ours && f.Path != path && f.has(names) && !slices.Contains(paths, f.Path) {
			paths = append(paths, f.Path)
		}
	}
	return paths
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
