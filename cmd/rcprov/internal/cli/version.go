package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version identifies this build of rcprov.
type version struct {
	Version  int    `json:"version"` // of the JSON
	Type     string `json:"type"`
	Rcprov   string `json:"rcprov"`             // of the release, or else as Go knows it; "(devel)" if it doesn't
	Revision string `json:"revision,omitempty"` // commit; empty when built without version control
	Modified bool   `json:"modified,omitempty"` // the working copy differed from the commit
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339
	Go       string `json:"go"`
	System   string `json:"system"` // "linux/amd64"
}

// release is the version of a release, which its build sets: -ldflags "-X .../cli.release=1.2.3". Otherwise Go knows the version: of
// the module, for `go install ...@v1.2.3`, or of the tag and the commit that it is built from.
var release string

func thisVersion() version {
	v := version{Version: 1, Type: "version", Rcprov: cmp.Or(release, "(devel)"), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Rcprov = cmp.Or(release, info.Main.Version, v.Rcprov)
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		case "vcs.time":
			v.Time = setting.Value
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		GroupID: groupOther,
		Short:   "Show the version of rcprov",
		Long:    "Show the version of rcprov, the commit it was built from, and the Go release that built it." + exitHelp,
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return a.showVersion() },
	}
}

func (a *app) showVersion() error {
	v := thisVersion()
	if a.json {
		return json.NewEncoder(a.Stdout).Encode(v)
	}
	revision := ""
	if v.Revision != "" {
		revision = fmt.Sprintf("commit %s from %s\n", v.Revision, v.Time)
		if v.Modified {
			revision = fmt.Sprintf("commit %s from %s, modified\n", v.Revision, v.Time)
		}
	}
	_, err := fmt.Fprintf(a.Stdout, "rcprov %s\n%sbuilt with %s for %s\n", v.Rcprov, revision, v.Go, v.System)
	return err
}
