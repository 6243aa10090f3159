package node

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/archive"
	"github.com/rcprov/rcprov/modules/fetch"
	"github.com/rcprov/rcprov/modules/link"
)

// Module is the module node.
func Module() modules.Module { return modules.Product("node", source, New) }

// Outputs are what other blocks refer to.
type Outputs struct {
	Path string `cty:"path"` // the installation: /opt/node/22.22.3
	Bin  string `cty:"bin"`  // the directory of its programs
	Node string `cty:"node"` // paths of programs
	Npm  string `cty:"npm"`
	Npx  string `cty:"npx"`
}

// architectures are Node's names for those of Debian, as far as the vendor publishes tarballs for them.
var architectures = map[string]string{"amd64": "x64", "arm64": "arm64", "ppc64el": "ppc64le", "s390x": "s390x"}

var (
	validVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	validProgram = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// New checks args and returns the steps.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	prefix := path.Join(args.Directory, args.Version)
	sums := &signedSums{URL: releaseURL(args, "SHASUMS256.txt.asc")}
	errs := []error{check(args), sums.readArgs(args, env)}

	tarball := &archive.Step{
		Path: prefix, Strip: 1, Owner: "root", Group: "root", Mode: 0o755, Contains: []string{"bin/node", "bin/npm"},
		Replace: true, // a directory named like this under ours is nobody else's
	}
	if env.Facts != nil {
		arch, ok := architectures[env.Facts.Arch]
		if !ok {
			errs = append(errs, modules.WithHint(fmt.Errorf("there are no binaries of Node.js for the architecture %s", env.Facts.Arch),
				"The vendor publishes them for amd64, arm64, ppc64el and s390x."))
		}
		tarball.Label = fmt.Sprintf("node-v%s-linux-%s", args.Version, arch)
		tarball.URL = releaseURL(args, tarball.Label+".tar.gz")
	}
	var step modules.Step = &release{Step: tarball, sums: sums}
	if args.SHA256 != "" {
		sum, err := fetch.ParseSHA256(args.SHA256)
		if err != nil {
			errs = append(errs, modules.Argf("sha256", "%w", err))
		}
		tarball.SHA256 = sum
		step = tarball
	}
	parts := []modules.Part{{Name: "release", Step: step}}
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
	return parts, Outputs{Path: prefix, Bin: bin, Node: bin + "/node", Npm: bin + "/npm", Npx: bin + "/npx"}, errors.Join(errs...)
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
			Hint: "With a newest or a range, the same plan would mean something else tomorrow.",
		})
	}
	if err := modules.CheckPath(args.Directory); err != nil {
		errs = append(errs, modules.Argf("directory", "%w", err))
	} else if path.Dir(args.Directory) == "/" {
		errs = append(errs, modules.Argf("directory", "must be one of its own below a directory of the system, such as /opt/node, not %s", args.Directory))
	}
	if err := fetch.CheckURL(args.Mirror); err != nil {
		errs = append(errs, modules.Argf("mirror", "%w", err))
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
			errs = append(errs, modules.Argf("npm_packages", "can't replace npm itself, which belongs to the version of Node.js"))
		}
	}
	if args.NpmRegistry != "" {
		if err := fetch.CheckURL(args.NpmRegistry); err != nil {
			errs = append(errs, modules.Argf("npm_registry", "%w", err))
		}
	}
	return errors.Join(errs...)
}
