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
	Rcprov   string `json:"rcprov"`             // module version; "(devel)" when built from a working copy
	Revision string `json:"revision,omitempty"` // commit; empty when built without version control
	Modified bool   `json:"modified,omitempty"` // the working copy differed from the commit
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339
	Go       string `json:"go"`
	System   string `json:"system"` // "linux/amd64"
}

func thisVersion() version {
	v := version{Version: 1, Type: "version", Rcprov: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Rcprov = cmp.Or(info.Main.Version, v.Rcprov)
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
		RunE: func(*cobra.Command, []string) error {
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
		},
	}
}
