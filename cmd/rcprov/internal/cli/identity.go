package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/sealed"
)

// identities is the flag of all commands that read encrypted variable files.
type identities struct{ files []string }

func (i *identities) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&i.files, "identity", nil, "decrypt variable files with the age identity or SSH private key in `FILE` (also RCPROV_IDENTITY)")
}

// opener decrypts files with the identities of the flag, of the environment, or of the user's home.
func (a *app) opener(i identities) *sealed.Opener {
	o := &sealed.Opener{Identities: i.files}
	if named := a.env("RCPROV_IDENTITY"); len(o.Identities) == 0 && named != "" {
		o.Identities = filepath.SplitList(named)
	}
	if home, err := os.UserHomeDir(); err == nil {
		o.Defaults = sealed.DefaultIdentities(home)
	}
	if person := a.reader(); person != nil {
		o.Ask = func(question string) (string, error) { return person.askPassphrase(context.Background(), question) }
	}
	return o
}

// varFileReader returns what reads variable files: plain ones, encrypted ones, and the standard input as "-".
func (a *app) varFileReader(i identities) func(name string) (content []byte, secret bool, err error) {
	o := a.opener(i)
	return func(name string) ([]byte, bool, error) {
		content, err := plan.ReadVarFile(name)
		if name == "-" {
			if a.reader() == nil {
				content, err = io.ReadAll(a.Stdin)
			} else {
				err = fmt.Errorf("-var-file -: the standard input is the terminal; pipe the file into rcprov")
			}
			name = "the standard input"
		}
		if err != nil {
			return nil, false, err
		}
		if !sealed.IsSealed(content) {
			return content, name == "the standard input", nil
		}
		content, err = o.Open(name, content)
		return content, true, err
	}
}
