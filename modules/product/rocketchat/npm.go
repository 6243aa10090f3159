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

// npm is the step for npm install in a release. A file in the release notes the bundle, the Node.js and which modules are there;
// it is written when all native modules can be loaded. It is not believed alone: the modules must still be there.
type npm struct {
	Release     *archive.Step
	NodeVersion string
	NodeBin     string
	User        string
	Registry    string // empty: npm's own
	Native      []string
	Deno        string // directory with the program deno, for the scripts of packages; empty: none
}

var (
	_ modules.Step   = (*npm)(nil)
	_ modules.Opaque = (*npm)(nil)
)

// Opaque implements [modules.Opaque]: an installation that fails has removed the modules that were there.
func (*npm) Opaque() {}

// installed answers which modules are in a release, as [modulesScript] prints them.
var installed = &observe.Kind[string, string]{
	Name: "modules of a release",
	Script: func(releases []string) string {
		return hostfile.Each(shell.Script(modulesScript, nil)+shell.Script(seenScript, nil), releases)
	},
	Parse: func(releases []string, reply observe.Reply) map[string]observe.Answer[string] {
		answers := make(map[string]observe.Answer[string])
		lines := reply.Lines()
		if reply.Status != 0 || len(lines) != len(releases) {
			return nil
		}
		for i, release := range releases {
			answers[release] = observe.Answer[string]{Value: lines[i]}
			if lines[i] == hostfile.Unknown {
				answers[release] = observe.Answer[string]{Err: errors.New("its owner gets no answer")}
			}
		}
		return answers
	},
}

// marker is the file that notes what was installed.
func (n *npm) marker() observe.FileQuestion {
	return observe.FileQuestion{Path: n.Release.Path + "/.rcprov-npm", Content: true}
}

// Observe implements [modules.Step].
func (n *npm) Observe(q *observe.Query) {
	observe.File.Ask(q, n.marker())
	installed.Ask(q, n.Release.Path)
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
	note, noted, _ := strings.Cut(strings.TrimSuffix(string(is.Content), "\n"), "\n")
	w := npmWork{release: n.Release.Path, from: note, note: done}
	if sum != "" && is.Type == observe.Regular && note == done {
		there, err := installed.Get(s, n.Release.Path)
		switch {
		case err != nil:
			return modules.Change{}, fmt.Errorf("look at the modules in %s: %w", n.Release.Path, err)
		case there == noted:
			return modules.Change{}, nil
		}
		w.from = "other modules than npm installed"
	}
	return modules.NewChange(w), nil
}

// npmWork is an installation by npm.
type npmWork struct {
	release string // directory
	from    string // the note of the installation that is there, or what is wrong with it; "" without one
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

	//go:embed modules.sh
	modulesScript string

	//go:embed seen.sh
	seenScript string
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
	}, shell.Vars{"npm": functions + shell.Script(modulesScript, nil) + shell.Script(npmScript, nil)})
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
	case "program":
		return modules.WithHint(fmt.Errorf("%s doesn't run in %s\n%s", p.Arg(0), n.NodeBin, cmp.Or(output, "it is not there")),
			"The modules of the release were not touched. Install Node.js with its npm there, in a step before this one.")
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
