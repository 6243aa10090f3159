package git

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
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
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module git.
func Module() modules.Module { return modules.Primitive("git", source, New) }

// Step is a checkout of a repository.
type Step struct {
	Repo       string
	Path       string
	Version    string // a branch, a tag, HEAD, or a commit
	Owner      string
	Group      string
	Force      bool
	Submodules bool
	Depth      int

	key string
	ssh string // GIT_SSH_COMMAND
	// knownHosts are lines of known_hosts(5) that alone count; empty: those of the owner and the host.
	knownHosts string
	needsSSH   bool
}

var _ modules.Step = (*Step)(nil)

var (
	fullCommit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	// scpLike is git's short form of an address of SSH, git-fetch(1).
	scpLike = regexp.MustCompile(`^(?:[^/@:]+@)?(\[[^\]/]+\]|[^/:]+):`)
	// A version is the name of a ref: git-check-ref-format(1), roughly.
	validVersion = regexp.MustCompile(`^[^-./~^:?*\[\\\x00-\x20\x7f][^~^:?*\[\\\x00-\x20\x7f]*$`)
	hostKey      = regexp.MustCompile(`^(?:(\S+) +)?((?:ssh|ecdsa|sk)-\S+ +[A-Za-z0-9+/=]+)`)
)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{
		Repo: args.Repo, Path: args.Path, Version: args.Version, Owner: args.Owner, Group: args.Group,
		Force: args.Force, Submodules: args.Submodules, Depth: args.Depth, key: strings.TrimSpace(args.Key),
	}
	_, err := modules.ReadFileArgs(args.Path, "0755", args.Owner, args.Group)
	errs := []error{err}
	wrong := func(arg, format string, a ...any) { errs = append(errs, modules.Argf(arg, format, a...)) }
	if path.Dir(path.Clean(args.Path)) == "/" {
		wrong("path", "must be below a top-level directory, such as /srv/app")
	}
	host, err := s.remote()
	if err != nil {
		wrong("repo", "%w", err)
	}
	if !validVersion.MatchString(s.Version) || strings.Contains(s.Version, "..") || strings.HasSuffix(s.Version, ".lock") {
		wrong("version", "must be a branch, a tag or a commit, not %q", s.Version)
	}
	if s.Depth < 0 {
		wrong("depth", "must not be negative")
	}
	if args.Key != "" && args.KeyFile != "" {
		wrong("key_file", "conflicts with key")
	}
	if args.Key != "" && !strings.Contains(args.Key, "PRIVATE KEY-----") {
		wrong("key", "is no private key: it begins with `-----BEGIN OPENSSH PRIVATE KEY-----`")
	}
	if err := modules.CheckPath(args.KeyFile); err != nil && args.KeyFile != "" {
		wrong("key_file", "%w", err)
	}
	for i, line := range args.HostKeys {
		m := hostKey.FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case m == nil:
			wrong(fmt.Sprintf("host_keys[%d]", i), "must be a host key such as `ssh-ed25519 AAAA...`, as `ssh-keyscan` prints it")
		case m[1] != "":
			s.knownHosts += m[1] + " " + m[2] + "\n"
		default:
			s.knownHosts += host + " " + m[2] + "\n"
		}
	}
	for _, c := range []struct {
		arg   string
		given bool
	}{{"key", args.Key != ""}, {"key_file", args.KeyFile != ""}, {"host_keys", len(args.HostKeys) > 0}} {
		if c.given && !s.needsSSH && err == nil {
			wrong(c.arg, "is for SSH, and repo is no address of SSH")
		}
	}
	s.ssh = command(args.KeyFile, s.key != "", s.knownHosts != "")
	return s, errors.Join(errs...)
}

// remote notes whether the repository is reached by SSH, and returns its host as known_hosts(5) has it.
func (s *Step) remote() (host string, err error) {
	if scheme, _, found := strings.Cut(s.Repo, "://"); found {
		u, err := url.Parse(s.Repo)
		switch {
		case err != nil || u.Path == "":
			return "", fmt.Errorf("must be the address of a repository, not %q", s.Repo)
		case !slices.Contains([]string{"https", "http", "ssh", "git", "file"}, scheme):
			return "", fmt.Errorf("must begin with https:// or ssh://, or be a path, not %s://", scheme)
		}
		if _, secret := u.User.Password(); secret || u.User != nil && scheme != "ssh" {
			return "", errors.New("must not have a name or password in it: they would show in the host's process list; use SSH, with key")
		}
		if scheme != "ssh" {
			return "", nil
		}
		s.needsSSH = true
		if u.Port() != "" && u.Port() != "22" {
			return "[" + u.Hostname() + "]:" + u.Port(), nil
		}
		return u.Hostname(), nil
	}
	if m := scpLike.FindStringSubmatch(s.Repo); m != nil && !strings.HasPrefix(s.Repo, "-") {
		s.needsSSH = true
		return strings.Trim(m[1], "[]"), nil
	}
	return "", modules.CheckPath(s.Repo)
}

// command is how git calls ssh: without a question, with a known host key alone, and without a write.
func command(keyFile string, agent, known bool) string {
	argv := []string{
		"ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15",
	}
	if known { // ssh_config(5): the command keeps the environment, and is no file that anybody could change
		argv = append(argv, "-o", "KnownHostsCommand=/usr/bin/printenv RCPROV_HOST_KEYS", "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null")
	}
	switch {
	case agent:
		argv = append(argv, "-o", "IdentityAgent=SSH_AUTH_SOCK", "-o", "IdentityFile=none", "-o", "IdentitiesOnly=no")
	case keyFile != "":
		argv = append(argv, "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes", "-i", keyFile)
	}
	return shell.QuoteAll(argv)
}

// commit is the version if it is a commit, else "".
func (s *Step) commit() string {
	if fullCommit.MatchString(s.Version) {
		return s.Version
	}
	return ""
}

// rights are the desired owner and group. The mode is that of what is there.
func (s *Step) rights() rights.Rights {
	return rights.Rights{Mode: 0o755, Owner: s.Owner, Group: s.Group}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: s.Path})
	s.rights().Ask(q)
	checkouts.Ask(q, s.question())
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	dir, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	if err := s.rights().Allowed(dir); err != nil {
		return modules.Change{}, err
	}
	if dir.Type != observe.Absent && dir.Type != observe.Directory {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a directory", s.Path, dir.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	}
	is, err := checkouts.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	w := work{Action: modules.Update, Path: s.Path, Repo: s.Repo, Version: s.Version}
	who := s.stranger(dir, is)
	switch {
	case dir.Type == observe.Absent || is.There == empty:
		w.Action = modules.Create
	case len(is.Lacks) > 0:
		return modules.Change{}, s.lacks(is, nil)
	case who != "" && !s.Force:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s: %s", s.Path, who),
			"rcprov neither trusts it nor removes it: move it away, or let `force = true` replace it by a new checkout.")
	case who != "":
		w.Action, w.Replace = modules.Create, "replaced: "+who
	case is.There != repository:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is not empty and no git repository", s.Path),
			"rcprov doesn't replace it: move it away, or name another path.")
	}
	if w.Action == modules.Create {
		return s.create(snapshot, w, is)
	}
	return s.compare(snapshot, w, dir, is)
}

// stranger returns who may have written what git would read with the rights of the desired owner; "" for nobody.
func (s *Step) stranger(dir observe.FileInfo, is checkout) string {
	if dir.Type != observe.Directory {
		return ""
	}
	if d := s.rights().Compare(s.Path, dir); dir.UID != 0 && d.Owner {
		return "it belongs to " + dir.Owner
	}
	if is.Strange != "" {
		return "others may write " + path.Join(s.Path, is.Strange)
	}
	return ""
}

// create returns the change that makes a new checkout.
func (s *Step) create(snapshot *observe.Snapshot, w work, is checkout) (modules.Change, error) {
	if err := s.rights().Possible(snapshot, true, rights.Drift{}); err != nil {
		return modules.Change{}, err
	}
	then := modules.NewChange(w)
	if len(is.Lacks) > 0 {
		return modules.Change{}, s.lacks(is, &then)
	}
	switch {
	case s.commit() != "":
	case !is.Asked && is.Said != "": // an earlier step may bring a key, a name or a route
		then.Notes = append(then.Notes, fmt.Sprintf("%s can't be asked for %s now: %s", s.Repo, s.Version, modules.LastLine([]byte(is.Said))))
	case is.Asked && is.Remote == "":
		return modules.Change{}, s.noVersion()
	}
	return then, nil
}

// lacks is the error for a host without git. In a plan, an earlier step may bring it.
func (s *Step) lacks(is checkout, then *modules.Change) error {
	return modules.Later(modules.WithHint(fmt.Errorf("the host has no %s", is.Lacks[0]),
		"Add an `apt_package` step for git%s before this one.", map[bool]string{true: " and openssh-client"}[s.needsSSH]), then)
}

func (s *Step) noVersion() error {
	hint := "Correct `version`; `git ls-remote %s` lists what there is."
	if regexp.MustCompile(`^[0-9a-f]{7,}$`).MatchString(s.Version) {
		hint = "A commit is given by all of its 40 digits. `git ls-remote %s` lists what there is."
	}
	return modules.WithHint(fmt.Errorf("%s has no branch or tag %q", s.Repo, s.Version), hint, s.Repo)
}

// compare returns the change of a checkout that is there.
func (s *Step) compare(snapshot *observe.Snapshot, w work, dir observe.FileInfo, is checkout) (modules.Change, error) {
	want := s.rights()
	want.Mode = dir.Mode
	w.Drift = want.Compare(s.Path, dir)
	if err := s.rights().Possible(snapshot, false, w.Drift); err != nil {
		return modules.Change{}, err
	}
	w.Head, w.Commit = is.Head, s.commit()
	switch {
	case w.Commit != "":
	case !is.Asked:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s can't be asked for %s: %s", s.Repo, s.Version, modules.LastLine([]byte(is.Said))),
			"%s", s.advice(is.Said))
	case is.Remote == "":
		return modules.Change{}, s.noVersion()
	default:
		w.Commit = is.Remote
	}
	if is.URL != s.Repo {
		w.URL = is.URL
		if w.URL == "" {
			w.URL = "none"
		}
	}
	if is.Head != w.Commit {
		w.Ahead = is.Ahead
	}
	w.Local, w.Submodules = is.Local, is.Submodules
	switch {
	case s.Force:
	case len(w.Local) > 0:
		names := make([]string, 0, 10)
		for _, e := range w.Local[:min(len(w.Local), 10)] {
			names = append(names, e.String())
		}
		if more := len(w.Local) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s has local edits: %s", s.Path, strings.Join(names, ", ")),
			"`git -C %s diff HEAD` on the host shows them. Commit them in the repository; `force = true` discards them.", s.Path)
	case w.Ahead > 0:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is at commit %s, and the remote doesn't have it (new commits: %d)", s.Path, short(is.Head), w.Ahead),
			"`git -C %s log` on the host shows it. Push it; `force = true` leaves it behind.", s.Path)
	}
	return modules.NewChange(w), nil
}

// Foresee implements [modules.Foreseer]: what is in a new checkout isn't known.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, w := snapshot.Forecast(), c.Work.(work)
	if w.Action == modules.Create {
		f.Parents(s.Path)
		f.Replace(s.Path, s.rights().Foreseen())
	}
	if w.Action == modules.Create || w.checksOut() {
		f.May(observe.Cause{Name: "the checkout", Bounded: true, Text: s.Path + "/", Brings: true})
	}
}

//go:embed git.sh
var gitScript string

//go:embed key.sh
var keyScript string

//go:embed checkout.sh
var checkoutScript string

//go:embed clone.sh
var cloneScript string

//go:embed cloner.sh
var clonerScript string

//go:embed placer.sh
var placerScript string

//go:embed update.sh
var updateScript string

//go:embed updater.sh
var updaterScript string

// Apply implements [modules.Step]. git runs in a job, so that no lost connection leaves it half way.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.Drift.Ownership() {
		if err := modules.SetTreeRights(ctx, h, s.Path, w.Drift.Seen.OctalMode(), s.Owner, s.Group); err != nil {
			return err
		}
	}
	library := shell.Script(gitScript, nil) + shell.Script(checkoutScript, nil)
	vars := s.vars()
	vars["path"], vars["owner"], vars["group"], vars["commit"] = s.Path, s.Owner, s.Group, s.commit()
	vars["force"], vars["depth"] = shell.YesNo(s.Force), ""
	if s.Depth > 0 {
		vars["depth"] = strconv.Itoa(s.Depth)
	}
	var script string
	switch {
	case w.Action == modules.Create:
		script = hostfile.Script(shell.Script(keyScript, nil)+shell.Script(cloneScript, nil), vars, shell.Vars{
			"cloner": library + shell.Script(clonerScript, nil), "placer": placerScript,
		})
	case w.checksOut():
		script = hostfile.Script(shell.Script(keyScript, nil)+shell.Script(updateScript, nil), vars, shell.Vars{
			"updater": library + shell.Script(updaterScript, nil),
		})
	default:
		return nil
	}
	command := modules.Command{Script: script}
	if s.key != "" {
		command.Env = []string{"KEY=" + s.key}
	}
	_, err := job.Run(ctx, h, job.Job{Name: fetch.JobName("git", s.Path), Command: command})
	return s.explain(err)
}

// vars are what all scripts need to know of the remote.
func (s *Step) vars() shell.Vars {
	return shell.Vars{
		"repo": s.Repo, "version": s.Version, "submodules": shell.YesNo(s.Submodules),
		"ssh": s.ssh, "host_keys": s.knownHosts, "keyed": shell.YesNo(s.key != ""),
	}
}

// noise is what ssh and git say before and behind the reason.
var noise = regexp.MustCompile(`^(\s*$|rcprov-|@@@|Please make sure|and the repository exists|Aborting|fatal: Could not read from remote)`)

// explain returns why git failed, for people.
func (s *Step) explain(err error) error {
	p := fetch.Found(err)
	if p == nil {
		return modules.FileHint(modules.DoorError(err, s.Path), s.Path)
	}
	said := string(p.Err.Result.Stderr)
	reason := strings.Join(strings.Fields(modules.LastLines(said, 3, noise)), " ")
	switch p.Word {
	case "version":
		return s.noVersion()
	case "key":
		return modules.WithHint(fmt.Errorf("ssh-add refuses the key: %s", reason), "It must be a private key without a passphrase.")
	case "shared":
		return modules.WithHint(fmt.Errorf("others may write to %s, in which the checkout would be made", path.Dir(s.Path)),
			"Choose a directory that is root's alone, or the owner's.")
	case "strange":
		return modules.WithHint(fmt.Errorf("others may write %s: git was not run there as root", path.Join(s.Path, p.Arg(0))),
			"Give the checkout to a user of its own (`owner`).")
	case "checkout":
		return modules.WithHint(fmt.Errorf("git can't check out %s: %s", s.Version, reason),
			"The previous checkout is as it was. Move away what is in the way; `force = true` overwrites it.")
	case "submodules":
		return modules.WithHint(fmt.Errorf("git can't check out the submodules: %s", reason), "The previous checkout is as it was. %s", s.advice(said))
	}
	return modules.WithHint(fmt.Errorf("git can't fetch %s: %s", s.Repo, reason), "What was there is as it was. %s", s.advice(said))
}

// advice is what to do about what ssh or git said.
func (s *Step) advice(said string) string {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(said, w) })
	}
	switch {
	case has("Host key verification failed", "host key"):
		return "The remote's host key is not one of those that are known: see `host_keys`. If it has changed, ask who runs the remote before you accept the new one."
	case has("Permission denied", "Authentication failed", "could not read Username", "terminal prompts disabled"):
		return "The remote refuses the key, or wants a login: check `key` or `key_file`, and that the remote knows its public key for this repository."
	case has("Could not resolve", "Connection refused", "timed out", "unreachable", "Failed to connect", "has not answered"):
		return "The host itself connects: see whether it can reach the remote, or needs a proxy."
	case has("No space left"):
		return fmt.Sprintf("See `df -h %s` on the host, make room, then run the same command again.", path.Dir(s.Path))
	case has("dubious ownership"):
		return "The repository belongs to somebody else than the owner of the checkout, who must trust it: `safe.directory` in git-config(1)."
	}
	return fmt.Sprintf("`git ls-remote %s` on the host, as %s, shows more.", s.Repo, s.Owner)
}
