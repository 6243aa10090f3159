package git

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// question is what is asked about a checkout.
type question struct {
	Path, Owner, Repo, Version string
	Ask, Submodules, NeedsSSH  bool // Ask: the remote, for the version
	SSH, KnownHosts, Key       string
}

// String is the question for people.
func (q question) String() string { return q.Path }

func (s *Step) question() question {
	return question{
		Path: s.Path, Owner: s.Owner, Repo: s.Repo, Version: s.Version, Ask: s.commit() == "", Submodules: s.Submodules, NeedsSSH: s.needsSSH,
		SSH: s.ssh, KnownHosts: s.knownHosts, Key: s.key,
	}
}

// place is what there is at a path.
type place string

// Places; "" where nothing is, or nobody could look.
const (
	repository place = "repository"
	empty      place = "empty"
)

// checkout is what there is of a checkout on a host.
type checkout struct {
	Lacks      []string // programs that the host lacks
	There      place
	Strange    string // what somebody else may have changed
	Head       string // the commit
	URL        string
	Ahead      int // commits that the remote doesn't have
	Local      []edit
	Submodules []string // that are not checked out
	Asked      bool     // whether the remote has answered
	Remote     string   // the version's commit there; "" for none
	Said       string   // what else git said
}

//go:embed look.sh
var lookScript string

//go:embed looker.sh
var lookerScript string

//go:embed asker.sh
var askerScript string

// checkouts answers what there is of checkouts.
var checkouts = &observe.Kind[question, checkout]{
	Name: "checkout",
	Cost: 300,
	Script: func(questions []question) string {
		var b strings.Builder
		library := shell.Script(gitScript, nil)
		b.WriteString(hostfile.Script(shell.Script(keyScript, nil), shell.Vars{"look": shell.Script(lookScript, nil)}, shell.Vars{
			"looker": library + shell.Script(lookerScript, nil), "asker": library + shell.Script(askerScript, nil),
		}))
		for _, q := range questions {
			needs := "git"
			if q.NeedsSSH {
				needs += " ssh"
			}
			b.WriteString(shell.Script("(set -eu; eval \"$look\") 2>&1 || :\necho rcprov-git end\n", shell.Vars{
				"path": q.Path, "owner": q.Owner, "repo": q.Repo, "version": q.Version, "ask": shell.YesNo(q.Ask), "submodules": shell.YesNo(q.Submodules),
				"ssh": q.SSH, "host_keys": q.KnownHosts, "keyed": shell.YesNo(q.Key != ""), "key": q.Key, "needs": needs,
			}))
		}
		return b.String()
	},
	Parse: parse,
}

// parse reads what look.sh prints.
func parse(questions []question, reply observe.Reply) map[question]observe.Answer[checkout] {
	answers := make(map[question]observe.Answer[checkout])
	var is checkout
	refs, next := make(map[string]string), 0
	for _, line := range reply.Lines() {
		said, ok := strings.CutPrefix(line, "rcprov-git ")
		if !ok {
			if !noise.MatchString(line) {
				is.Said += line + "\n"
			}
			continue
		}
		word, rest, _ := strings.Cut(said, " ")
		switch word {
		case "tool":
			is.Lacks = append(is.Lacks, rest)
		case "there":
			is.There = place(rest)
		case "strange":
			is.Strange = rest
		case "head":
			is.Head = rest
		case "url":
			is.URL = rest
		case "ahead":
			is.Ahead, _ = strconv.Atoi(rest) // no number: git said why
		case "edit":
			if len(rest) > 3 {
				is.Local = append(is.Local, edit{rest[:2], rest[3:]})
			}
		case "submodule":
			is.Submodules = append(is.Submodules, rest)
		case "remote":
			commit, ref, _ := strings.Cut(rest, " ")
			refs[ref] = commit
		case "asked":
			is.Asked = true
		case "end":
			if next >= len(questions) {
				return nil
			}
			q := questions[next]
			for _, ref := range []string{"HEAD", "refs/tags/" + q.Version, "refs/tags/" + q.Version + "^{}", "refs/heads/" + q.Version} {
				if commit, ok := refs[ref]; ok && (ref != "HEAD" || q.Version == "HEAD") {
					is.Remote = commit // a branch before a tag, and of a tag with a note what it is about
				}
			}
			answer := observe.Answer[checkout]{Value: is}
			if is.There == repository && is.Strange == "" && is.Head == "" && is.Said != "" && !is.Asked {
				answer.Err = fmt.Errorf("git says: %s", strings.TrimSpace(is.Said))
			}
			answers[q] = answer
			is, refs, next = checkout{}, make(map[string]string), next+1
		}
	}
	return answers
}
