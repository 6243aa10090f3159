package nginx

import (
	_ "embed"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed sites.sh
var sitesScript string

// Header is the first line of the sites that rcprov writes: that of templates/nginx/site.conf.tmpl.
const Header = "# Written by rcprov; changes made here are undone."

// sites lists what sites.sh prints.
var sites = observe.NewLines("sites of nginx", shell.Script(sitesScript, shell.Vars{"header": Header, "etc": strings.TrimSuffix(etc, "/")}))

// siteFile is a file that nginx reads, as far as sites.sh prints it.
type siteFile struct {
	Path     string
	Ours     bool     // rcprov wrote it
	Buckets  bool     // it sets server_names_hash_bucket_size
	Servers  []server // its server blocks
	Listens  []string // those of a server block that another file begins
	Includes []string // the patterns of its includes, absolute
}

// server is a server block.
type server struct{ Listens, Names []string } // a listen is what stands behind the word: "[::]:443 ssl"

// parseSites reads what sites.sh prints. Lines that it does not know are left out.
func parseSites(lines []string) (files []*siteFile) {
	for _, line := range lines {
		name, text, ok := strings.Cut(line, "\t")
		if !ok {
			continue
		}
		if len(files) == 0 || files[len(files)-1].Path != name {
			files = append(files, &siteFile{Path: name})
		}
		f := files[len(files)-1]
		word, rest, _ := strings.Cut(text, " ")
		switch word {
		case "ours":
			f.Ours = true
		case "server":
			f.Servers = append(f.Servers, server{})
		case "server_names_hash_bucket_size":
			f.Buckets = true
		case "include":
			if !path.IsAbs(rest) {
				rest = etc + rest
			}
			f.Includes = append(f.Includes, rest)
		case "listen":
			if len(f.Servers) == 0 {
				f.Listens = append(f.Listens, rest)
			}
		}
		if len(f.Servers) == 0 {
			continue
		}
		switch last := &f.Servers[len(f.Servers)-1]; word {
		case "listen":
			last.Listens = append(last.Listens, rest)
		case "server_name":
			last.Names = append(last.Names, strings.Fields(rest)...)
		}
	}
	return files
}

// lookAtSites returns the files that nginx reads.
func lookAtSites(s *observe.Snapshot) ([]*siteFile, error) {
	lines, err := sites.Get(s, struct{}{})
	if err != nil {
		return nil, fmt.Errorf("look for sites of nginx: %w", err)
	}
	return parseSites(lines), nil
}

// has reports whether a server block of f has one of names.
func (f *siteFile) has(names []string) bool {
	return slices.ContainsFunc(f.Servers, func(s server) bool {
		return slices.ContainsFunc(s.Names, func(name string) bool { return slices.Contains(names, name) })
	})
}

// everywhere reports whether s listens on a port of all addresses, as sites of rcprov do: nginx takes only one of the servers
// that do so for a name, and warns of the others.
func (s server) everywhere(port int) bool {
	return slices.ContainsFunc(s.Listens, func(listen string) bool {
		host, its := endpoint(listen)
		return its == strconv.Itoa(port) && everyAddress(host)
	})
}

// endpoint returns the address, empty for all, and the port of a listen directive
// (https://nginx.org/en/docs/http/ngx_http_core_module.html#listen).
func endpoint(listen string) (host, port string) {
	where, _, _ := strings.Cut(listen, " ")
	if host, port, err := net.SplitHostPort(where); err == nil {
		return host, port
	}
	if _, err := strconv.Atoi(where); err == nil {
		return "", where
	}
	return strings.Trim(where, "[]"), "80"
}

func everyAddress(host string) bool { return slices.Contains([]string{"", "*", "0.0.0.0", "::"}, host) }

// oneAddress reports whether a server of f listens on port 443 or 80 of one address, or of a name's. nginx opens no socket of its own
// for that where it listens on all addresses as well, so that ss(8) does not show it.
func (f *siteFile) oneAddress() bool {
	all := slices.Clone(f.Listens)
	for _, s := range f.Servers {
		all = append(all, s.Listens...)
	}
	return slices.ContainsFunc(all, func(listen string) bool {
		host, port := endpoint(listen)
		return !everyAddress(host) && (port == "443" || port == "80")
	})
}

// twins returns notes about the names that a file of somebody else has, too, on the same port.
func twins(files []*siteFile, names []string, path string, port int) (notes []string) {
	for _, f := range files {
		if f.Path == path || f.Ours {
			continue
		}
		for _, s := range f.Servers {
			for _, name := range s.Names {
				note := fmt.Sprintf("%s is also a name in %s: nginx serves one of the two on port %d, and ignores the other (\"conflicting server name\")", name, f.Path, port)
				if s.everywhere(port) && slices.Contains(names, name) && !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
			}
		}
	}
	return notes
}
