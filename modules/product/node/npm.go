package node

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/job"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Names as npm's validate-npm-package-name has them for new packages; exact versions of semver.org, with no "v".
var (
	validPackage = regexp.MustCompile(`^(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*$`)
	exactVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
)

// npm is the step for the packages of one installation of Node.js that are installed globally.
type npm struct {
	Prefix   string            // of the installation
	Packages map[string]string // versions by name
	Scripts  bool
	Registry string
}

var _ modules.Step = (*npm)(nil)

// manifest is the file of a package that has its version.
func (n *npm) manifest(name string) observe.FileQuestion {
	return observe.FileQuestion{Path: n.modules() + "/" + name + "/package.json", Content: true}
}

// unfinished is the file with the names of the packages that are being installed: a killed npm leaves parts of them.
func (n *npm) unfinished() observe.FileQuestion {
	return observe.FileQuestion{Path: n.modules() + "/.rcprov-installing", Content: true}
}

func (n *npm) modules() string { return n.Prefix + "/lib/node_modules" }

// Observe implements [modules.Step].
func (n *npm) Observe(q *observe.Query) {
	observe.File.Ask(q, n.unfinished())
	for name := range n.Packages {
		observe.File.Ask(q, n.manifest(name))
	}
}

// Diff implements [modules.Step].
func (n *npm) Diff(s *observe.Snapshot) (modules.Change, error) {
	var w npmWork
	begun, err := observe.File.Get(s, n.unfinished())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", n.unfinished().Path, err)
	}
	unfinished := strings.Fields(string(begun.Content))
	for _, name := range slices.Sorted(maps.Keys(n.Packages)) {
		file, err := observe.File.Get(s, n.manifest(name))
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s: %w", n.manifest(name).Path, err)
		}
		var is struct{ Version string }
		unreadable := json.Unmarshal(file.Content, &is) // then it is installed again
		p := packageWork{Name: name, Version: n.Packages[name]}
		switch {
		case file.Type == observe.Absent:
			p.Seen = absent
		case slices.Contains(unfinished, name):
			p.Seen = halfInstalled
		case unreadable != nil:
			p.Seen = unknownVersion
		case is.Version == n.Packages[name]:
			continue
		default:
			p.Seen, p.SeenVersion = otherVersion, is.Version
		}
		w = append(w, p)
	}
	return modules.NewChange(w), nil
}

// npmWork is the packages that are installed, by name.
type npmWork []packageWork

// packageWork is one of them.
type packageWork struct {
	Name, Version string
	Seen          packageState
	SeenVersion   string // with otherVersion
}

// A packageState is what is there of a package that is installed, or installed again.
type packageState int

// The states.
const (
	absent packageState = iota
	otherVersion
	halfInstalled  // npm was killed
	unknownVersion // its manifest is unreadable
)

// Edits implements [modules.Work].
func (w npmWork) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, p := range w {
		e := modules.Edit{Action: modules.Update, Subject: "npm package " + p.Name, Field: "version", To: p.Version}
		switch p.Seen {
		case absent:
			e.Action, e.Field = modules.Create, ""
		case otherVersion:
			e.From = p.SeenVersion
		case halfInstalled:
			e.From = "half installed"
		case unknownVersion:
			e.From = "unreadable"
		}
		edits = append(edits, e)
	}
	return edits
}

// specs returns the packages as npm reads them: name@version.
func (w npmWork) specs() []string {
	var specs []string
	for _, p := range w {
		specs = append(specs, p.Name+"@"+p.Version)
	}
	return specs
}

//go:embed install.sh
var installScript string

// Apply implements [modules.Step].
func (n *npm) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w, _ := c.Work.(npmWork)
	script := shell.Script(installScript, shell.Vars{
		"prefix": n.Prefix, "ignore_scripts": strconv.FormatBool(!n.Scripts), "packages": shell.QuoteAll(w.specs()),
	})
	env := []string{"CI=1", "NODE_ENV=production"}
	if n.Registry != "" {
		env = append(env, "npm_config_registry="+n.Registry)
	}
	_, err := job.Run(ctx, h, job.Job{
		Name: fetch.JobName("npm", n.Prefix), Command: modules.Command{Script: script, Env: env}, Progress: npmProgress,
	})
	return explainNpm(err)
}

// npmProgress turns a line such as "npm http fetch GET 200 https://registry.example.com/pm2 80ms" into a shorter one.
func npmProgress(line string) string {
	fields := strings.Fields(line)
	if len(fields) >= 6 && fields[1] == "http" && fields[2] == "fetch" {
		return "npm fetches " + path.Base(fields[5])
	}
	return "npm is installing"
}

// npmError is a line of npm's errors: "npm error" since npm 10, "npm ERR!" before.
var npmError = regexp.MustCompile(`^npm (?:error|ERR!) ?(.*)$`)

// npmNoise are lines of npm's errors that say nothing about the cause.
var npmNoise = regexp.MustCompile(`^errno |complete log of this run|Log files were not written|^\s*\d+\s*$|` +
	`Note that you can also install from a|tarball, folder, http url|In most cases you or one of|a package version that doesn't exist`)

// explainNpm returns npm's own error, with advice.
func explainNpm(err error) error {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	var code string
	var lines []string
	for line := range strings.Lines(string(failed.Result.Stderr)) {
		m := npmError.FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case m == nil, strings.TrimSpace(m[1]) == "", npmNoise.MatchString(m[1]):
		case strings.HasPrefix(m[1], "code "):
			code = strings.TrimPrefix(m[1], "code ")
		case len(lines) < 6:
			lines = append(lines, m[1])
		}
	}
	if len(lines) == 0 {
		return err
	}
	err = fmt.Errorf("npm: %s", strings.Join(lines, "\n"))
	switch code {
	case "E404", "ETARGET":
		return modules.WithHint(err, "Check name and version in `npm_packages`; `npm view NAME versions` lists the versions.")
	case "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "EHOSTUNREACH":
		return modules.WithHint(err, "The host itself connects to the registry: check that it can reach it, or give `npm_registry`.")
	case "SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID":
		return modules.WithHint(err, "npm doesn't trust the registry's certificate: check the host's clock, and add your company's CA to the host "+
			"(a file in /usr/local/share/ca-certificates, then `update-ca-certificates`).")
	case "ENOSPC":
		return modules.WithHint(err, "See `df -h` and `df -i` on the host, make room, then run the same command again.")
	}
	return err
}
