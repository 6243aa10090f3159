package node

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/internal/signed"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/aptrepository"
	"github.com/rcprov/rcprov/modules/primitive/archive"
	"github.com/rcprov/rcprov/modules/primitive/link"
)

// Module is the module node.
func Module() modules.Module { return modules.Product("node", source, New) }

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	Path string `cty:"path"` // the installation: /opt/node/22.22.3
	Bin  string `cty:"bin"`  // the directory of its programs
	Node string `cty:"node"` // paths of programs
	Npm  string `cty:"npm"`
	Npx  string `cty:"npx"`
}

// architectures are Node's names for Debian's architectures, if the vendor publishes tarballs for them.
var architectures = map[string]string{"amd64": "x64", "arm64": "arm64", "ppc64el": "ppc64le", "s390x": "s390x"}

var (
	validVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	validProgram = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// New checks args and returns the parts.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	prefix := path.Join(args.Directory, args.Version)
	install := tarball
	if args.Source == "nodesource" {
		prefix, install = "/usr", nodesource
	}
	parts, err := install(args, env, prefix)
	if len(args.NpmPackages) > 0 {
		parts = append(parts, modules.Part{Name: "npm", Step: &npm{
			Prefix: prefix, Packages: args.NpmPackages, Scripts: args.NpmScripts, Registry: args.NpmRegistry,
		}})
	}
	for _, program := range args.Links {
		parts = append(parts, modules.Part{
			Name: "link-" + program,
			Step: &link.Step{Path: "/usr/local/bin/" + program, Target: prefix + "/bin/" + program},
		})
	}
	bin := prefix + "/bin"
	outputs := Outputs{Path: prefix, Bin: bin, Node: bin + "/node", Npm: bin + "/npm", Npx: bin + "/npx"}
	return parts, outputs, errors.Join(check(args), err)
}

// tarball returns the part that installs the vendor's tarball at prefix.
func tarball(args Args, env modules.Env, prefix string) ([]modules.Part, error) {
	args.Mirror = cmp.Or(args.Mirror, "https://nodejs.org/dist")
	args.KeyURL = cmp.Or(args.KeyURL, "https://github.com/nodejs/release-keys/raw/main/keys/"+signed.Placeholder+".asc")
	step := &archive.Step{
		Path: prefix, Strip: 1, Owner: "root", Group: "root", Mode: 0o755, Contains: []string{"bin/node", "bin/npm"}, Fixed: []string{"bin/node"},
		Replace: true, // nothing else has a directory of this name below ours
	}
	var errs []error
	if env.Facts != nil {
		arch, ok := architectures[env.Facts.Arch]
		if !ok {
			errs = append(errs, modules.WithHint(fmt.Errorf("there are no binaries of Node.js for the architecture %s", env.Facts.Arch),
				"The vendor publishes them for amd64, arm64, ppc64el and s390x."))
		}
		step.Label = fmt.Sprintf("node-v%s-linux-%s", args.Version, arch)
		step.URL = releaseURL(args, step.Label+".tar.gz")
	}
	sums, err := newSums(args, env)
	errs = append(errs, err)
	room := []modules.Requirement{preflight.Disk{Path: args.Directory, Bytes: 300 * preflight.MB}}
	if args.SHA256 == "" {
		return []modules.Part{{Name: "release", Step: &release{Step: step, sums: sums}, Requires: room}}, errors.Join(errs...)
	}
	sum, err := fetch.ParseSHA256(args.SHA256)
	if err != nil {
		errs = append(errs, modules.Argf("sha256", "%w", err))
	}
	step.SHA256 = sum
	return []modules.Part{{Name: "release", Step: step, Requires: room}}, errors.Join(errs...)
}

// nodesourceKey signs NodeSource's repository: a key of 2016, which got a new self-signature with SHA-512 in January 2026.
const nodesourceKey = "6F71F525282841EEDAF851B42F59B5F99B1BE0B4"

// nodesource returns the parts that install NodeSource's package.
func nodesource(args Args, env modules.Env, _ string) ([]modules.Part, error) {
	b := &product.Builder{Env: env}
	if args.SHA256 != "" {
		b.Fail(modules.Argf("sha256", "conflicts with source = \"nodesource\": apt checks packages by the repository's key"))
	}
	if len(args.Links) > 0 {
		b.Fail(modules.Argf("links", "conflicts with source = \"nodesource\": the package's programs are in /usr/bin"))
	}
	if len(args.Fingerprints) == 0 {
		args.Fingerprints = []string{nodesourceKey}
	}
	if args.KeyFile == "" {
		args.KeyURL = cmp.Or(args.KeyURL, "https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key")
	}
	major, _, _ := strings.Cut(args.Version, ".")
	var architectures []string
	if env.Facts != nil {
		architectures = []string{env.Facts.Arch} // NodeSource has nothing for the i386 of a host with both
	}
	product.Add(b, "repository", aptrepository.New, aptrepository.Args{
		Name:   "nodesource",
		URIs:   []string{strings.TrimSuffix(cmp.Or(args.Mirror, "https://deb.nodesource.com"), "/") + "/node_" + major + ".x"},
		Suites: []string{"nodistro"}, Components: []string{"main"}, // the same for every release of every distribution
		Architectures: architectures,
		KeyURL:        args.KeyURL, KeyFile: args.KeyFile, Fingerprints: args.Fingerprints,
	})
	b.Require("repository", preflight.Clock{})
	if validVersion.MatchString(args.Version) { // else check says so
		held := true // unattended-upgrades would change the version
		product.Add(b, "package", aptpackage.New, aptpackage.Args{
			Packages: []string{"nodejs=" + args.Version + "-*"}, Held: &held, AllowDowngrade: true,
		})
		b.Require("package", preflight.Disk{Path: "/usr", Bytes: 300 * preflight.MB})
	}
	return b.Parts()
}

func releaseURL(args Args, file string) string {
	return strings.TrimSuffix(args.Mirror, "/") + "/v" + args.Version + "/" + file
}

// check finds mistakes in the arguments that are not about the signed list.
func check(args Args) error {
	var errs []error
	if !validVersion.MatchString(args.Version) {
		errs = append(errs, &modules.ArgError{
			Arg: "version", Err: fmt.Errorf("must be an exact version such as \"22.22.3\", not %q", args.Version),
			Hint: "With `latest` or a range, the same plan would mean something else tomorrow.",
		})
	}
	if err := modules.CheckPath(args.Directory); err != nil {
		errs = append(errs, modules.Argf("directory", "%w", err))
	} else if path.Dir(args.Directory) == "/" {
		errs = append(errs, modules.Argf("directory", "must be at least two levels deep, such as /opt/node, not %s", args.Directory))
	}
	if args.Mirror != "" {
		if err := fetch.CheckURL(args.Mirror); err != nil {
			errs = append(errs, modules.Argf("mirror", "%w", err))
		}
	}
	for _, program := range args.Links {
		if !validProgram.MatchString(program) {
			errs = append(errs, modules.Argf("links", "must be names of programs, not %q", program))
		}
	}
	for name, version := range args.NpmPackages {
		switch {
		case !validPackage.MatchString(name):
			errs = append(errs, modules.Argf("npm_packages", "%q is not the name of an npm package", name))
		case !exactVersion.MatchString(version):
			errs = append(errs, modules.Argf("npm_packages", "must have exact versions such as \"6.0.13\", not %q for %s", version, name))
		case name == "npm":
			errs = append(errs, modules.Argf("npm_packages", "can't contain npm itself, which comes with Node.js"))
		}
	}
	if args.NpmRegistry != "" {
		if err := fetch.CheckURL(args.NpmRegistry); err != nil {
			errs = append(errs, modules.Argf("npm_registry", "%w", err))
		}
	}
	return errors.Join(errs...)
}
