package rocketchat

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/internal/job"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/archive"
	"github.com/rcprov/rcprov/modules/shell"
)

// npm is the step for npm install in a release. A file in the release notes the bundle and the Node.js; it is written when
// all native modules can be loaded.
type npm struct {
	Release     *archive.Step
	NodeVersion string
	NodeBin     string
	User        string
	Registry    string // empty: npm's own
	Native      []string
	Deno        string // directory with the program deno, for the scripts of packages; empty: none
}

var _ modules.Step = (*npm)(nil)

// marker is the file that notes what was installed.
func (n *npm) marker() observe.FileQuestion {
	return observe.FileQuestion{Path: n.Release.Path + "/.rcprov-npm", Content: true}
}

// Observe implements [modules.Step].
func (n *npm) Observe(q *observe.Query) {
	observe.File.Ask(q, n.marker())
	n.Release.Observe(q)
}

// Diff implements [modules.Step].
func (n *npm) Diff(s *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(s, n.marker())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", n.marker().Path, err)
	}
	sum, err := n.Release.MadeOf(s)
	if err != nil {
		return modules.Change{}, err
	}
	done := fmt.Sprintf("node %s, bundle %s", n.NodeVersion, cmp.Or(sum, "not unpacked yet"))
	if sum != "" && is.Type == observe.Regular && string(is.Content) == done+"\n" {
		return modules.Change{}, nil
	}
	return modules.NewChange(npmWork{release: n.Release.Path, from: strings.TrimSpace(string(is.Content)), note: done}), nil
}

// npmWork is an installation by npm.
type npmWork struct {
	release string // directory
	from    string // the note of the installation that is there; "" without one
	note    string // that of the new one
}

// Edits implements [modules.Work].
func (w npmWork) Edits() []modules.Edit {
	return []modules.Edit{{Action: modules.Run, Subject: "npm install in " + w.release, From: w.from, To: w.note}}
}

var (
	//go:embed install.sh
	installScript string

	//go:embed npm.sh
	npmScript string
)

// Apply implements [modules.Step].
func (n *npm) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w, _ := c.Work.(npmWork)
	env := []string{"CI=1", "NODE_ENV=production"}
	if n.Registry != "" {
		env = append(env, "npm_config_registry="+n.Registry)
	}
	functions := shell.Script(fetch.Functions, nil)
	script := hostfile.Script(functions+shell.Script(installScript, nil), shell.Vars{
		"release": n.Release.Path, "bin": n.NodeBin, "deno": n.Deno, "user": n.User, "note": w.note, "native": shell.QuoteAll(n.Native),
	}, shell.Vars{"npm": functions + shell.Script(npmScript, nil)})
	_, err := job.Run(ctx, h, job.Job{
		Name: fetch.JobName("npm", n.Release.Path), Command: modules.Command{Script: script, Env: env}, Progress: progress,
	})
	return n.explain(modules.DoorError(err, n.Release.Path))
}

// progress turns a line such as "npm http fetch GET 200 https://registry.example.com/sharp 80ms" into a shorter one.
func progress(line string) string {
	fields := strings.Fields(line)
	switch {
	case len(fields) >= 6 && fields[1] == "http" && fields[2] == "fetch":
		return "npm fetches " + fields[5]
	case strings.HasPrefix(line, "loading "):
		return line
	}
	return "npm is installing"
}

// noise are lines of npm and Node.js that say nothing about the cause: stack traces, and the error as an object after the
// error as a sentence.
var noise = regexp.MustCompile(`^npm (error|ERR!) ( |\}|\{)|^npm http |^npm warn |^npm notice|complete log of this run|Log files were not written|^rcprov-problem |^\s*at |^Node\.js v|^\s*\^*\s*$|^npm (error|ERR!)\s*$`)

// explain returns the error for a failed script.
func (n *npm) explain(err error) error {
	p := fetch.Found(err)
	if p == nil {
		return modules.FileHint(err, n.Release.Path)
	}
	output := modules.LastLines(string(p.Err.Result.Stderr), 12, noise)
	switch p.Word {
	case "npm":
		return modules.WithHint(fmt.Errorf("npm install in %s/programs/server failed\n%s", n.Release.Path, output), "%s", advice(output))
	case "native":
		return modules.WithHint(fmt.Errorf("the native module %s can't be loaded after npm install\n%s", p.Arg(0), output),
			"The running release was not touched. Check that this release supports the host's processor, C library and Node.js, or use another release.")
	}
	return errors.Join(err, errors.New("bug: the script named an unknown problem"))
}

// advice says what to do about an npm that failed, by its output.
func advice(output string) string {
	contains := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(output, w) {
				return true
			}
		}
		return false
	}
	switch {
	case contains("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "EHOSTUNREACH"):
		return "The host itself connects to the registry: check that it can reach it, or give `npm_registry`."
	case contains("SELF_SIGNED_CERT", "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_VERIFY_LEAF", "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"):
		return "npm doesn't trust the registry's certificate: check the host's clock, and add your company's CA to the host."
	case contains("ENOSPC"):
		return "See `df -h` and `df -i` on the host, make room, then run the same command again."
	case contains("gyp ERR!", "node-gyp"):
		return "npm compiled a native module, for which there is no binary for this host: check that `packages` has a compiler, and that the host has enough memory."
	}
	return "The running release was not touched. Remove the cause, then run the same command again."
}
