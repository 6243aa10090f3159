package archive

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/internal/job"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/internal/upload"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module archive.
func Module() modules.Module { return modules.Primitive("archive", source, New) }

// Step is a directory that an archive was unpacked into.
type Step struct {
	Path   string
	URL    string // where the host downloads the archive; empty: it is File
	File   string // path on the host
	SHA256 string // lowercase hex

	// Label is noted in the directory. If SHA256 is empty, a directory with the same label has converged: for products
	// that learn the checksum only in Apply.
	Label string

	Strip    int
	Contains []string // below Path
	Fixed    []string // of these, the files that nobody may change; for products
	Owner    string
	Group    string
	Mode     fs.FileMode // of the directory itself
	Replace  bool        // replace also a directory that rcprov did not unpack; for products, which own their directories
	Absent   bool

	needsFile bool            // File is the plan's, and no product makes it
	source    string          // the file on the controller; empty: none
	content   []byte          // its content
	large     *modules.Source // instead of content
}

var _ modules.Preparer = (*Step)(nil)

// markerName is the file in the directory that says what was unpacked. If the directory's owner is not root, the owner can
// change the file, and all that it is about: it says no more about the tree than the owner may decide. What it says counts
// only while nobody but root and the desired owner has the directory and the file ([Step.foreign]).
//
// It is not kept in a directory of root's, because it has to come and go with the tree. Device and inode number don't tie a note
// to a tree: ext4 gives the number of a removed directory to the next one, and a tree that was restored from a backup or moved
// to a larger disk has others, which would make a step refuse what it unpacked itself. The ctime changes with each entry that
// the owner adds, and a digest reads all files at each look. It would also gain nothing: who may write the file may write all
// that it vouches for.
const markerName = ".rcprov-archive"

// marker is the first line of that file. A line `SIZE TIME MODE NAME` follows for each fixed file, as it was unpacked.
type marker struct {
	SHA256 string `json:"sha256"`
	Strip  int    `json:"strip_components"`
	Label  string `json:"label,omitempty"`
}

// fixed returns what the marker says of fixed files, by their names. None is said of links.
func fixed(content []byte) map[string]string {
	files := make(map[string]string)
	for _, line := range strings.Split(string(content), "\n")[1:] {
		if words := strings.SplitN(line, " ", 4); len(words) == 4 {
			files[words[3]] = strings.Join(words[:3], " ")
		}
	}
	return files
}

// form is a file as its line in the marker has it.
func form(f observe.FileInfo) string {
	return fmt.Sprintf("%d %d %o", f.Size, f.ModTime.Unix(), f.Mode.Perm())
}

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Path: args.Path, URL: args.URL, File: args.File, Strip: args.StripComponents, Contains: args.Contains,
		Owner: args.Owner, Group: args.Group, Absent: args.State == "absent",
	}
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	errs := []error{err}
	check := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	if path.Dir(path.Clean(args.Path)) == "/" {
		errs = append(errs, modules.Argf("path", "must be below a top-level directory, such as /opt/%s", cmp.Or(path.Base(args.Path), "x")))
	}
	if s.Strip < 0 {
		errs = append(errs, modules.Argf("strip_components", "must not be negative"))
	}
	for _, name := range s.Contains {
		if name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "..") || strings.Contains(name, "\n") {
			errs = append(errs, modules.Argf("contains", "must be clean paths below the directory, such as \"bin/node\", not %q", name))
		}
	}
	if s.Absent {
		return s, errors.Join(errs...)
	}
	switch {
	case args.URL != "" && args.File != "":
		errs = append(errs, modules.Argf("file", "conflicts with url"))
	case args.Source != "" && args.URL+args.File != "":
		errs = append(errs, modules.Argf("source", "conflicts with %s", map[bool]string{true: "url", false: "file"}[args.URL != ""]))
	case args.Source != "":
		s.source = args.Source
		check("source", s.read(env))
	case args.URL != "":
		check("url", fetch.CheckURL(args.URL))
	case args.File != "":
		check("file", modules.CheckPath(args.File))
		s.needsFile = true
	default:
		errs = append(errs, modules.Argf("url", "is required, unless source or file is given"))
	}
	if args.SHA256 == "" && s.source != "" {
		return s, errors.Join(errs...)
	}
	if args.SHA256 == "" {
		return s, errors.Join(append(errs, &modules.ArgError{
			Arg: "sha256", Err: errors.New("is required"),
			Hint: "Take the checksum from the vendor's list; `sha256sum FILE` prints that of a file.",
		})...)
	}
	sum, err := fetch.ParseSHA256(args.SHA256)
	check("sha256", err)
	if s.source != "" && err == nil && sum != s.SHA256 {
		errs = append(errs, modules.Argf("source", "has the SHA-256 %s, not %s", s.SHA256, sum))
	}
	s.SHA256 = sum
	return s, errors.Join(errs...)
}

// read reads the archive on the controller.
func (s *Step) read(env modules.Env) (err error) {
	if env.Large != nil {
		s.large = env.Large(s.source)
	}
	if s.large != nil {
		s.SHA256, err = s.large.SHA256()
		return err
	}
	s.content, err = env.ReadFile(s.source)
	s.SHA256 = observe.Fingerprint(s.content)
	return err
}

// rights are the desired mode, owner and group of the directory itself.
func (s *Step) rights() rights.Rights {
	return rights.Rights{Mode: s.Mode, Owner: s.Owner, Group: s.Group}
}

func (s *Step) markerQuestion() observe.FileQuestion {
	return observe.FileQuestion{Path: s.Path + "/" + markerName, Content: true}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: s.Path})
	observe.File.Ask(q, s.markerQuestion())
	entry.Ask(q, s.Path)
	if s.Absent {
		observe.File.Ask(q, observe.FileQuestion{Path: s.Staging()})
		return
	}
	s.rights().Ask(q)
	for _, name := range s.Contains {
		observe.File.Ask(q, observe.FileQuestion{Path: s.Path + "/" + name})
		entry.Ask(q, s.Path+"/"+name)
	}
	if s.needsFile {
		observe.File.Ask(q, observe.FileQuestion{Path: s.File})
		observe.AskParents(q, s.File)
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	dir, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	if err := s.rights().Allowed(dir); err != nil && !s.Absent {
		return modules.Change{}, err
	}
	if dir.Type == observe.Absent && s.Absent {
		return s.leftover(snapshot)
	}
	if dir.Type == observe.Absent {
		return s.change(snapshot, work{Action: modules.Create, Path: s.Path, Origin: s.origin(), Want: s.marker()})
	}
	if dir.Type != observe.Directory {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a directory", s.Path, dir.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	}
	is, known, err := s.madeOf(snapshot)
	if err != nil {
		return modules.Change{}, err
	}
	top, err := entry.Get(snapshot, s.Path)
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look into %s: %w", s.Path, err)
	case !known && top.Occupied && !s.Replace:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is not empty and was not unpacked by rcprov (it has no valid %s)", s.Path, markerName),
			"rcprov doesn't replace it: move it away, or name another path.")
	case s.Absent && (known || s.Replace):
		return modules.NewChange(work{Action: modules.Remove, Path: s.Path}), nil
	case s.Absent: // empty, and of somebody else
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s was not unpacked by rcprov", s.Path), "Remove it with a `directory` step.")
	}
	return s.compare(snapshot, dir, is, known)
}

// Foresee implements [modules.Foreseer]: another directory takes the place of what is there.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, rights := snapshot.Forecast(), s.rights().Foreseen()
	switch w := c.Work.(work); {
	case w.Action == modules.Remove:
		f.Remove(w.Path)
	case !w.unpacks():
		f.Touch(s.Path, rights)
	default:
		f.Parents(s.Path)
		f.Replace(s.Path, rights, s.Contains...)
	}
}

// leftover returns the change that finishes a removal that was killed.
func (s *Step) leftover(snapshot *observe.Snapshot) (modules.Change, error) {
	staging, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Staging()})
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Staging(), err)
	case staging.Type == observe.Absent:
		return modules.Change{}, nil
	}
	return modules.NewChange(work{Action: modules.Remove, Path: s.Staging(), Leftover: true}), nil
}

// MadeOf returns the SHA-256 of the archive that was unpacked into the directory, "" if that is unknown. It is for other
// parts of a product, which ask what Observe asks.
func (s *Step) MadeOf(snapshot *observe.Snapshot) (string, error) {
	is, _, err := s.madeOf(snapshot)
	return is.SHA256, err
}

// madeOf returns the directory's marker; known is false if it has no valid one.
func (s *Step) madeOf(snapshot *observe.Snapshot) (is marker, known bool, err error) {
	file, err := observe.File.Get(snapshot, s.markerQuestion())
	if err != nil {
		return marker{}, false, fmt.Errorf("look at %s: %w", s.markerQuestion().Path, err)
	}
	first, _, _ := bytes.Cut(file.Content, []byte("\n"))
	if file.Type != observe.Regular || json.Unmarshal(first, &is) != nil || is.SHA256 == "" {
		return marker{}, false, nil
	}
	return is, true, nil
}

// compare returns the change for a directory that exists.
func (s *Step) compare(snapshot *observe.Snapshot, dir observe.FileInfo, is marker, known bool) (modules.Change, error) {
	w := work{Action: modules.Update, Path: s.Path, Origin: s.origin(), Want: s.marker(), Drift: s.rights().Compare(s.Path, dir)}
	if known {
		w.Seen = &is
	}
	note, err := observe.File.Get(snapshot, s.markerQuestion())
	if err != nil {
		return modules.Change{}, err
	}
	if known {
		w.Foreign = cmp.Or(s.foreign(dir), s.foreign(note))
	}
	unpacked := fixed(note.Content)
	for _, name := range s.Contains {
		file, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path + "/" + name})
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s/%s: %w", s.Path, name, err)
		}
		at, err := entry.Get(snapshot, s.Path+"/"+name)
		if err != nil {
			return modules.Change{}, fmt.Errorf("follow %s/%s: %w", s.Path, name, err)
		}
		was, noted := unpacked[name]
		switch {
		case !known:
		case file.Type == observe.Absent || at.Dangling:
			w.Missing = append(w.Missing, name)
		case slices.Contains(s.Fixed, name) && noted && was != form(file):
			w.Edited = append(w.Edited, name)
		}
	}
	return s.change(snapshot, w)
}

// foreign returns the owner of f, if that is neither root nor the desired owner: whoever it is can have written the note, and all
// that the directory holds. In a directory where all may write, a user could otherwise have a tree of her own given to root.
func (s *Step) foreign(f observe.FileInfo) string {
	if f.AnyRights || f.UID == 0 || !s.rights().Compare(s.Path, f).Owner {
		return ""
	}
	return f.Owner
}

// change returns the change of w, or an error if it needs a file that is missing for certain. It returns the change beside the
// error if an owner is missing, since a download may start before an earlier step makes it.
func (s *Step) change(snapshot *observe.Snapshot, w work) (modules.Change, error) {
	if err := s.rights().Possible(snapshot, w.unpacks(), w.Drift); err != nil || !s.needsFile || !w.unpacks() {
		return modules.NewChange(w), err
	}
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.File})
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.File, err)
	case is.Type == observe.Absent:
		then := modules.NewChange(w, s.File+" does not exist yet: an earlier step must create it")
		return modules.Change{}, modules.Later(modules.WithHint(fmt.Errorf("there is no file %s on the host", s.File),
			"Check the path, or make the file in an earlier step."), &then)
	}
	return modules.NewChange(w), nil
}

// marker is the desired marker.
func (s *Step) marker() marker { return marker{SHA256: s.SHA256, Strip: s.Strip, Label: s.Label} }

// origin is where the archive comes from, for people.
func (s *Step) origin() string { return cmp.Or(s.URL, s.source, s.File) }

//go:embed functions.sh
var functions string

//go:embed prepare.sh
var prepareScript string

//go:embed unpack.sh
var unpackScript string

//go:embed unpacker.sh
var unpackerScript string

//go:embed remove.sh
var removeScript string

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.Action == modules.Remove {
		script := hostfile.Script("door \"$path\" no \"$remover\"\n", shell.Vars{"path": s.Path}, shell.Vars{"remover": removeScript})
		_, err := h.Run(ctx, modules.Command{Script: script})
		return modules.FileHint(modules.DoorError(err, s.Path), s.Path)
	}
	if w.unpacks() {
		return s.unpack(ctx, h)
	}
	if w.Drift.Ownership() {
		// The directory itself comes last: if this run is killed, the next one looks at it.
		return modules.SetTreeRights(ctx, h, s.Path, s.rights().OctalMode(), s.Owner, s.Group)
	}
	return modules.SetRights(ctx, h, s.Path, s.rights().OctalMode(), "", "")
}

// Unpacks reports whether c unpacks the archive, which needs SHA256.
func (*Step) Unpacks(c modules.Change) bool {
	w, ok := c.Work.(work)
	return ok && w.unpacks()
}

// Staging is the directory in which the archive is unpacked, on the file system of Path. If its file `file` has the
// desired checksum, nothing is downloaded.
func (s *Step) Staging() string { return fetch.Staging(s.Path) }

// Prepare implements [modules.Preparer]: it downloads, verifies and unpacks. Apply checks what the archive contains, and sets
// owner and group.
func (s *Step) Prepare(ctx context.Context, h modules.Host, c modules.Change) error {
	if s.URL == "" || s.SHA256 == "" || !c.Work.(work).unpacks() {
		return nil
	}
	_, err := job.RunWhile(ctx, h, job.Job{Name: s.job(), Command: s.prepare(fetch.Prepared(s.Path)), Progress: fetch.Progress})
	return err
}

// unpack creates or replaces the directory.
func (s *Step) unpack(ctx context.Context, h modules.Host) error {
	if s.source == "" {
		return s.run(ctx, h)
	}
	use := func(file string) error {
		local := *s
		local.File = file
		return local.run(ctx, h)
	}
	if s.large != nil {
		return upload.Source(ctx, h, s.source, s.large, use)
	}
	return upload.For(ctx, h, s.source, s.content, use)
}

// run unpacks what is at URL or File.
func (s *Step) run(ctx context.Context, h modules.Host) error {
	command, err := s.command(fetch.Prepared(s.Path))
	if err != nil {
		return err
	}
	_, err = job.Run(ctx, h, job.Job{Name: s.job(), Command: command, Progress: fetch.Progress})
	return s.explain(modules.DoorError(err, s.Path))
}

// job is the name of both jobs, so that they never run at the same time.
func (s *Step) job() string { return fetch.JobName("archive", s.Path) }

// vars are the variables of both scripts.
func (s *Step) vars(prepared string) shell.Vars {
	return shell.Vars{
		"path": s.Path, "staging": s.Staging(), "prepared": prepared, "url": s.URL, "archive": s.File, "sha256": s.SHA256,
		"strip": strconv.Itoa(s.Strip),
	}
}

// prepare is the command of Prepare, which works in the directory prepared.
func (s *Step) prepare(prepared string) modules.Command {
	return modules.Command{Script: shell.Script(fetch.Functions+functions+prepareScript, s.vars(prepared))}
}

// command is the command of Apply; it uses what Prepare left in the directory prepared, if anything.
func (s *Step) command(prepared string) (modules.Command, error) {
	note, err := json.Marshal(s.marker())
	if err != nil {
		return modules.Command{}, err
	}
	vars := s.vars(prepared)
	vars["owner"], vars["group"], vars["mode"] = s.Owner, s.Group, s.rights().OctalMode()
	vars["marker"], vars["names"], vars["store"] = string(note), shell.QuoteAll(s.Contains), fetch.Store(s.Path)
	vars["fixed"], vars["uploaded"] = shell.QuoteAll(s.Fixed), ""
	if s.source != "" {
		vars["uploaded"] = s.File
	}
	library := shell.Script(fetch.Functions, nil) + shell.Script(functions, nil)
	return modules.Command{Script: hostfile.Script(library+shell.Script(unpackScript, nil), vars, shell.Vars{
		"unpacker": library + shell.Script(unpackerScript, nil),
	})}, nil
}

// unpacker matches the first complaint of tar, unzip or a tool that they use.
var unpacker = regexp.MustCompile(`(?m)^(tar|gzip|bzip2|xz|zstd|unzip|mv|find|\S*tar): .*$|^.*(cannot find|error|unsupported).*$`)

// explain returns why the script failed, for people.
func (s *Step) explain(err error) error {
	p := fetch.Found(err)
	if p == nil {
		return modules.FileHint(err, s.Path)
	}
	what := s.origin()
	switch p.Word {
	case "format":
		begins := "it is empty"
		if p.Arg(0) != "" {
			begins = "it begins with the bytes " + p.Arg(0)
		}
		return modules.WithHint(fmt.Errorf("%s is not an archive of a supported format: %s", what, begins),
			"Its SHA-256 is the desired one, so URL and checksum belong to another file. Supported are tar (plain, or with gzip, bzip2, xz, zstd) and zip.")
	case "tool":
		return modules.WithHint(fmt.Errorf("the host has no %s to unpack %s", p.Arg(0), what),
			"Add an `apt_package` step for %s before this one.", p.Arg(1))
	case "unpack":
		reason := cmp.Or(unpacker.FindString(string(p.Err.Result.Stderr)), "it failed")
		if strings.Contains(string(p.Err.Result.Stderr), "No space left on device") {
			return modules.WithHint(fmt.Errorf("unpack %s: %s", what, reason),
				"See `df -h %s` and `df -i %s` on the host, make room, then run the same command again.", path.Dir(s.Path), path.Dir(s.Path))
		}
		return modules.WithHint(fmt.Errorf("unpack %s: %s", what, reason),
			"Its SHA-256 is the desired one, so it was published like this: check that it is the file that you meant.")
	case "empty":
		if s.Strip == 0 {
			return modules.WithHint(fmt.Errorf("%s is empty", what), "Its SHA-256 is the desired one: check that it is the file that you meant.")
		}
		return modules.WithHint(fmt.Errorf("nothing in %s is deeper than %d directories (strip_components)", what, s.Strip),
			"Use a smaller `strip_components`; `tar -tf FILE` lists the names.")
	case "contains":
		return modules.WithHint(fmt.Errorf("%s doesn't contain %s", what, strings.Join(p.Args, " ")),
			"Correct `contains` or `strip_components`. The archive's top directory contains: %s", cmp.Or(modules.LastLine(p.Err.Result.Stdout), "nothing"))
	}
	return fetch.Explain(err, what, s.SHA256, path.Dir(s.Path))
}
