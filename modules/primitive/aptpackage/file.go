package aptpackage

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/observe"
)

// validFile is what apt-get takes for a file: of a name with a colon it installs nothing and succeeds (apt 2.6).
var validFile = regexp.MustCompile(`^[A-Za-z0-9/_.+~%-]+\.deb$`)

// readFile checks the arguments about a package that is a file, and reads it from the controller.
func (s *Step) readFile(args Args, env modules.Env) error {
	arg := "file"
	if args.Source != "" {
		arg = "source"
	}
	switch {
	case args.Source == "" && args.File == "":
		return nil
	case args.Source != "" && args.File != "":
		return modules.Argf("file", "conflicts with source")
	case s.Absent:
		return modules.Argf(arg, "conflicts with state = \"absent\": name the package in `packages`")
	case s.Origin != "":
		return modules.Argf("origin", "conflicts with %s: a file is from no repository", arg)
	case args.Source != "" && len(args.Packages) > 0:
		return modules.Argf("packages", "conflicts with source, which has the name of its package")
	case args.File != "" && (len(args.Packages) != 1 || strings.Contains(args.Packages[0], "=")):
		return modules.Argf("packages", "must be the name of the one package that is in file, without a version")
	}
	s.deb = &deb{Source: args.Source, File: args.File}
	if args.File != "" {
		s.deb.Package = args.Packages[0]
		if err := modules.CheckPath(args.File); err != nil {
			return modules.Argf("file", "%w", err)
		}
		if !validFile.MatchString(args.File) {
			return modules.Argf("file", "must be a path that ends in \".deb\", without characters that mean something to apt-get (such as \":\"), not %q", args.File)
		}
		return nil
	}
	content, err := env.ReadFile(args.Source)
	if err != nil {
		return modules.Argf("source", "%w", err)
	}
	is, err := readDeb(content)
	if err != nil {
		return modules.Argf("source", "%s %w", args.Source, err)
	}
	s.deb.Content, s.deb.control = content, is
	s.Packages = []Package{{is.Package, is.Version}}
	return nil
}

// desired returns the packages with the version that a file has.
func (s *Step) desired(snapshot *observe.Snapshot) ([]Package, error) {
	if s.deb == nil {
		return s.Packages, nil
	}
	is, err := debs.Get(snapshot, s.deb.File)
	if err != nil {
		return nil, err
	}
	host, err := observe.Package.Get(snapshot, dpkg)
	if err != nil {
		return nil, err
	}
	has := s.deb.control
	if s.deb.Source == "" {
		if err := s.checkFile(is); err != nil {
			return nil, err
		}
		has = is.control
	}
	if has.Arch != "all" && has.Arch != host.Arch && host.Arch != "" && !slices.Contains(is.Foreign, has.Arch) {
		return nil, modules.WithHint(fmt.Errorf("%s is for %s, and the host is %s", s.deb.name(), has.Arch, host.Arch),
			"Take the package for %s. A host that can run programs for %s, too, wants `dpkg --add-architecture %s` first.", host.Arch, has.Arch, has.Arch)
	}
	installed, err := observe.Package.Get(snapshot, has.Package)
	if err != nil {
		return nil, err
	}
	if installed.Installed && apt.Compare(has.Version, installed.Version) < 0 && !s.Downgrade {
		return nil, modules.WithHint(fmt.Errorf("%s has version %s, and the host has %s, which is newer", s.deb.name(), has.Version, installed.Version),
			"Set `allow_downgrade = true` to install the older one.")
	}
	return []Package{{has.Package, has.Version}}, nil
}

// checkFile returns an error if the file of the host can't be installed.
func (s *Step) checkFile(is debInfo) error {
	file := s.deb.File
	switch {
	case !is.Exists:
		then := modules.NewChange(work{Packages: []packageWork{{Package: s.Packages[0], Action: modules.Create}}})
		return modules.Later(modules.WithHint(fmt.Errorf("there is no %s on the host", file),
			"Bring it in an earlier step (`download`), or give a file of your machine as `source`."), &then)
	case len(is.Others) > 0:
		return modules.WithHint(fmt.Errorf("%s could be replaced by others than root (%s)", file, cmp.Or(is.Others[0], "nobody knows by whom")),
			"What is in it runs as root. Move it to a directory that only root can write, without links on the way: `namei -l %s` on the host shows it.", file)
	case is.Broken != "":
		return modules.WithHint(fmt.Errorf("%s is no valid Debian package: %s", file, is.Broken), "`dpkg-deb -f %s` on the host shows it.", file)
	case is.Package != s.Packages[0].Name:
		return fmt.Errorf("%s has the package %s, not %s", file, is.Package, s.Packages[0].Name)
	}
	return nil
}
