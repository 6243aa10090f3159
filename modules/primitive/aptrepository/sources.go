package aptrepository

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed sources.sh
var sourcesScript string

// aboutSources asks whether apt can read its sources, as far as they are about one repository.
type aboutSources struct {
	File string // the repository's own
	URIs string // with spaces between
}

// sourcesInfo says where else a repository is, and why apt therefore reads no source.
type sourcesInfo struct {
	Also   []string // paths
	Errors []string // of apt; none: it reads its sources
}

// sources answers for each repository. Another program's file may contradict it at any time.
var sources = &observe.Kind[aboutSources, sourcesInfo]{
	Name: "apt sources",
	Script: func(all []aboutSources) string {
		var checks []string
		for _, a := range all {
			checks = append(checks, "check "+shell.QuoteAll(append([]string{a.File}, strings.Fields(a.URIs)...)))
		}
		return shell.Script(sourcesScript, shell.Vars{"checks": strings.Join(checks, "\n")})
	},
	Parse: func(all []aboutSources, reply observe.Reply) map[aboutSources]observe.Answer[sourcesInfo] {
		found := make(map[string]sourcesInfo)
		own := ""
		for _, line := range reply.Lines() {
			word, rest, _ := strings.Cut(line, " ")
			is := found[own]
			switch word {
			case "repository":
				own = rest
				continue
			case "also":
				is.Also = append(is.Also, rest)
			case "E:":
				if !slices.Contains(is.Errors, rest) { // apt says it twice
					is.Errors = append(is.Errors, rest)
				}
			}
			found[own] = is
		}
		answers := make(map[aboutSources]observe.Answer[sourcesInfo])
		for _, a := range all {
			answers[a] = observe.Answer[sourcesInfo]{Value: found[a.File]}
			if reply.Status != 0 {
				answers[a] = observe.Answer[sourcesInfo]{Err: fmt.Errorf("look at apt's sources: %s", strings.TrimSpace(string(reply.Stderr)))}
			}
		}
		return answers
	},
	// A file that an earlier step changes or removes contradicts nothing any more, as far as is known.
	Future: func(f *observe.Forecast, _ aboutSources, seen sourcesInfo) observe.Outlook[sourcesInfo] {
		seen.Also = slices.DeleteFunc(slices.Clone(seen.Also), f.Changes)
		if len(seen.Also) == 0 {
			seen.Errors = nil
		}
		return observe.Outlook[sourcesInfo]{Answer: observe.Answer[sourcesInfo]{Value: seen}}
	},
}

func (s *Step) sourcesQuestion() aboutSources {
	uris := make([]string, len(s.Source.URIs))
	for i, uri := range s.Source.URIs {
		uris[i] = strings.TrimSuffix(uri, "/")
	}
	return aboutSources{s.sourcePath(), strings.Join(uris, " ")}
}

// checkSources returns an error if apt on the host reads no source because another file contradicts the repository's.
func (s *Step) checkSources(snapshot *observe.Snapshot) error {
	is, err := sources.Get(snapshot, s.sourcesQuestion())
	if err != nil || len(is.Errors) == 0 {
		return err
	}
	return modules.WithHint(errors.New("apt on the host reads none of its sources: "+strings.Join(is.Errors, "\n")),
		"The repository is also in %s. Remove it there, then run the same command again.", strings.Join(is.Also, ", "))
}
