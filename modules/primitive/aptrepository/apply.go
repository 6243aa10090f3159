package aptrepository

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/internal/signed"
	"github.com/rcprov/rcprov/modules/shell"
)

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if len(w.Remove) > 0 {
		_, err := h.Run(ctx, modules.Command{Argv: []string{"rm", "-f", "--", s.sourcePath(), s.keyPath()}})
		return err
	}
	var newKey []byte // nil: the stored one stays
	if w.Key != nil {
		key, err := s.key(ctx, h)
		if err != nil {
			return err
		}
		newKey = key
	}
	if w.Key == nil && w.Source == nil {
		_, err := h.Run(ctx, modules.Command{
			Script: "chown " + fileRights.Ownership() + " " + s.files() + "\nchmod " + fileRights.OctalMode() + " " + s.files(),
		})
		return err
	}
	fresh, err := apt.Fresh(ctx, h, freshAge)
	if err != nil {
		return err
	}
	if err := s.try(ctx, h, newKey); err != nil {
		return err
	}
	if err := s.place(ctx, h, newKey); err != nil || !fresh {
		return err
	}
	// The lists are older than the new source, but include it already: otherwise the next package would fetch all again.
	if _, err := h.Run(ctx, modules.Command{Argv: []string{"touch", "/var/lib/apt/lists"}}); err != nil {
		return fmt.Errorf("mark apt's package lists as fetched: %w", err)
	}
	return nil
}

// freshAge is how old package lists may be to count as just fetched.
const freshAge = time.Hour

// files are both paths as words of a shell; their letters need no quotes.
func (s *Step) files() string { return s.sourcePath() + " " + s.keyPath() }

// key returns the key to store, armored and checked.
func (s *Step) key(ctx context.Context, h modules.Host) ([]byte, error) {
	if s.KeyURL == "" {
		return s.Key, nil // New and Diff have checked it
	}
	modules.Progress(ctx, "fetching %s", s.KeyURL)
	data, err := signed.Get(ctx, s.KeyURL)
	if err != nil {
		return nil, modules.WithHint(err, "The key is fetched by rcprov, not by the host.")
	}
	ring, err := readKeyring(data)
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("%s: %w", s.KeyURL, err), "Open the address in a browser: it may be a web page, not the key.")
	}
	now, err := hostTime(ctx, h)
	if err != nil {
		return nil, err
	}
	if err := ring.checkFingerprints(s.Fingerprints); err != nil {
		return nil, modules.WithHint(fmt.Errorf("%s: %w", s.KeyURL, err),
			"If the vendor announces this key, add its fingerprint to `fingerprints`; otherwise somebody may have replaced it.")
	}
	if err := ring.check(s.Fingerprints, now); err != nil {
		return nil, modules.WithHint(fmt.Errorf("%s: %w", s.KeyURL, err),
			"The vendor must publish an extended or a new key; it may be at another address.")
	}
	return ring.armored, nil
}

func hostTime(ctx context.Context, h modules.Host) (time.Time, error) {
	r, err := h.Run(ctx, modules.Command{Argv: []string{"date", "+%s"}})
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the host for the time: %w", err)
	}
	var seconds int64
	if _, err := fmt.Sscan(string(r.Stdout), &seconds); err != nil {
		return time.Time{}, fmt.Errorf("ask the host for the time: it answered %q", r.Stdout)
	}
	return time.Unix(seconds, 0), nil
}

//go:embed prepare.sh
var prepareScript string

// try lets the host's apt fetch the index of the repository with the new source and key, before either is put in
// place: if anything is wrong, apt on the host works as before. The index is kept, so that apt knows the packages.
func (s *Step) try(ctx context.Context, h modules.Host, newKey []byte) error {
	dir := "/run/rcprov-apt-" + s.Name
	err := s.fetchIndex(ctx, h, dir, newKey)
	if _, removeErr := h.Run(ctx, modules.Command{Argv: []string{"rm", "-rf", "--", dir}}); err == nil && removeErr != nil {
		return fmt.Errorf("remove %s: %w", dir, removeErr)
	}
	return err
}

// fetchIndex does the work of try in dir.
func (s *Step) fetchIndex(ctx context.Context, h modules.Host, dir string, newKey []byte) error {
	file := "rcprov-" + s.Name + ".sources"
	uri := strings.TrimSuffix(s.Source.URIs[0], "/")
	r, err := h.Run(ctx, modules.Command{
		Script: shell.Script(prepareScript, shell.Vars{
			"dir": dir, "file": file, "key": s.keyPath(), "uri": uri,
			"trial": s.Source.text(dir + "/key.asc"), "source": s.Source.text(s.keyPath()),
		}),
		Stdin: newKey,
	})
	if err != nil {
		return explainSources(apt.Failure(err), string(r.Stdout))
	}
	modules.Progress(ctx, "fetching the index of %s", s.Source.URIs[0])
	return explainUpdate(apt.UpdateSome(ctx, h, "--error-on=any",
		"-o", "Dir::Etc::sourcelist="+dir+"/trial.sources", "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0"))
}

// place puts key and source where apt reads them. The key comes first: for apt, a source without its key is an error.
func (s *Step) place(ctx context.Context, h modules.Host, newKey []byte) error {
	if newKey != nil {
		// Releases before Debian 12 do not have the directory.
		if _, err := h.Run(ctx, modules.Command{Argv: []string{"mkdir", "-p", "-m", "0755", "/etc/apt/keyrings"}}); err != nil {
			return err
		}
		if err := modules.WriteFile(ctx, h, modules.File{Path: s.keyPath(), Content: newKey, Mode: fileRights.Mode}); err != nil {
			return err
		}
	}
	return modules.WriteFile(ctx, h, modules.File{
		Path: s.sourcePath(), Content: []byte(s.Source.text(s.keyPath())), Mode: fileRights.Mode,
	})
}

// explainSources adds advice to an error of apt about the host's sources as a whole. found are lines "also in FILE".
func explainSources(err error, found string) error {
	var files []string
	for line := range strings.Lines(found) {
		if file, ok := strings.CutPrefix(strings.TrimSpace(line), "also in "); ok {
			files = append(files, file)
		}
	}
	err = fmt.Errorf("with this source apt could not read the host's sources: %w", err)
	if len(files) > 0 {
		return modules.WithHint(err, "The repository is also in %s: remove that file in an earlier step (`file` with `state = \"absent\"`).",
			strings.Join(files, ", "))
	}
	return modules.WithHint(err, "`apt-get indextargets` on the host shows whether its sources were valid before.")
}

// explainUpdate adds advice to what apt-get says of the new source.
func explainUpdate(err error) error {
	var failed *apt.Error
	if !errors.As(err, &failed) {
		return err
	}
	err = fmt.Errorf("the host can't use the repository: %w", err)
	switch {
	case failed.Contains("SHA1") || failed.Contains("Policy rejected"):
		return modules.WithHint(err, "apt of Debian 13 refuses signatures with SHA-1 since 2026-02-01. "+
			"The vendor must sign its key again; look for a newer file with the same fingerprint.")
	case failed.Contains("NO_PUBKEY") || failed.Contains("Missing key"):
		return modules.WithHint(err, "The repository is signed with another key than the one given. "+
			"If the vendor announces it, give that key and add its fingerprint to `fingerprints`.")
	case failed.Contains("EXPKEYSIG") || failed.Contains("Expired on") || failed.Contains("expired"):
		return modules.WithHint(err, "A key or signature of the repository has expired; the vendor may publish an extended key under the same fingerprint.")
	case failed.Contains("BADSIG") || failed.Contains("not signed"):
		return modules.WithHint(err, "The repository's index doesn't carry a valid signature of its key.")
	case failed.Contains("does not have a Release file"):
		return modules.WithHint(err, "Check `uris` and `suites`: there is no such suite at that address.")
	case failed.Contains("Failed to fetch"):
		return modules.WithHint(err, "Check `uris` and `suites`, and whether the host can reach the address.")
	}
	return modules.WithHint(err, "Check `uris`, `suites` and `components`.")
}
