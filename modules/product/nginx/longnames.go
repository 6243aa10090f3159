package nginx

import (
	"slices"

	"github.com/rcprov/rcprov/modules/primitive/file"
)

// longestName is the longest name of a site that nginx takes without server_names_hash_bucket_size, where more than one server
// listens on a port. The default is a processor's cache line, mostly 64 bytes, of which a name takes its length, two bytes for that,
// and the rest up to a multiple of eight; two pointers come on top (ngx_hash_init and NGX_HASH_ELT_SIZE in src/core/ngx_hash.c, 1.22).
const longestName = 46

// longNames is the step for the file that makes room for all names that there can be (253 bytes). It is one file, which all sites
// with long names share, because nginx takes the directive only once.
func longNames() *file.Step {
	return &file.Step{
		Path: Dir + "/rcprov-long-names.conf", Content: []byte(Header + "\nserver_names_hash_bucket_size 512;\n"),
		Mode: 0o644, Owner: "root", Group: "root",
	}
}

// long reports whether a name of the site is too long without the file of [longNames].
func (c *Configuration) long() bool { return !c.onlyRemoves() && len(ForLongNames(c.Names)) > 0 }

// ForLongNames returns the paths of the files of a site with such names beside its own.
func ForLongNames(names []string) []string {
	if !slices.ContainsFunc(names, func(name string) bool { return len(name) > longestName }) {
		return nil
	}
	return []string{longNames().Path}
}

// buckets reports whether the file of [longNames], and whether another one, sets the size. nginx refuses both together.
func buckets(files []*siteFile) (ours, others bool) {
	for _, f := range files {
		ours = ours || f.Buckets && f.Path == longNames().Path
		others = others || f.Buckets && f.Path != longNames().Path
	}
	return ours, others
}
