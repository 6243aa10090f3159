package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// Options configure how a plan is read.
type Options struct {
	Modules   []modules.Module
	Templates fs.FS    // the binary's own templates, for modules
	Vars      []string // "name=value", from -var; they override VarFiles, which override Environ
	VarFiles  []string // HCL files of attributes; later files override earlier ones
	Environ   []string // in the form of os.Environ: RCPROV_VAR_name, and the variables that env() reads

	// ReadVarFile reads a variable file; secret says that no message may show its lines. Nil: [ReadVarFile], and they may.
	ReadVarFile func(name string) (content []byte, secret bool, err error)

	// Hide receives secrets that appear after Load, when a function makes a new one from a secret and a fact. It is called
	// concurrently if the plan's methods are. Optional.
	Hide func(secrets ...string)

	// Unset is which variables may have no value. Theirs is unknown then: such a plan can be checked, and its hosts connected to if
	// [Plan.HostIsKnown], but not applied. [Plan.Unset] lists them.
	Unset Unset

	// Limit returns the names of the hosts of which the steps are checked, beside those of the first host of each play; it is called
	// when the hosts are known, and only [Plan.Hosts] may be used. Nil, or the result nil: all.
	Limit func(*Plan) []string

	// Ask asks a person for the value of a variable that has none, in the form of -var. Nil: such a variable is a mistake.
	Ask func(Question) (string, error)
}

// Unset is which variables may have no value.
type Unset int

// The values of Unset.
const (
	UnsetNone    Unset = iota // each must have one
	UnsetSecrets              // those that are sensitive need none
	UnsetAny                  // none needs one
)

// Question asks for the value of a variable.
type Question struct {
	Variable    string
	Description string
	Sensitive   bool // don't show the answer
}

// source is one file of a plan.
type source struct {
	name string
	text []byte
}

// Load reads and checks the plan at path: a file, or a directory whose *.hcl files are read in the order of their names,
// except hidden ones and variable files (*.vars.hcl). If the diagnostics have errors, only the Plan's Files may be used, to
// show their lines.
func Load(path string, opts Options) (*Plan, hcl.Diagnostics) {
	dir, sources, diags := readSources(path, opts.VarFiles)
	if diags.HasErrors() {
		return &Plan{Path: path, Files: map[string]*hcl.File{}}, diags
	}
	return load(path, dir, sources, opts)
}

func load(path, dir string, sources []source, opts Options) (*Plan, hcl.Diagnostics) {
	p := &Plan{
		Path: path, Files: map[string]*hcl.File{}, opts: opts,
		vars: map[string]cty.Value{}, hostValues: map[string]cty.Value{}, groups: map[string]cty.Value{},
		hostBlocks: map[string]*hostBlock{}, groupBlocks: map[string]*groupBlock{}, libraries: map[string]*library{}, expanded: map[*includeBlock][]*config{},
	}
	bodies, diags := p.parse(sources)
	if diags.HasErrors() {
		// Nobody knows what a file with broken syntax declares: messages about it would only distract.
		return p, tidy(diags, nil)
	}
	if !slices.ContainsFunc(bodies, func(b *hclsyntax.Body) bool { return len(b.Blocks) > 0 || len(b.Attributes) > 0 }) {
		// A redirection may have gone wrong. A run with nothing to do would look like success.
		return p, append(diags, mistake(hcl.Range{}, fmt.Sprintf("The plan %s is empty", path),
			"A plan has blocks `host` and `play`."))
	}
	d := &declarer{config: newConfig(p.directory(dir, "plan"), knownModules(opts.Modules)), plan: p}
	if abs, err := real(dir); err == nil && dir == path {
		d.dirs = []string{abs}
	}
	p.config = d.config
	for _, body := range bodies {
		d.file(body)
	}
	if len(d.twice) >= severalPlans {
		return p, append(diags, several(path, d.twice))
	}
	diags = append(diags, d.diags...)
	diags = append(diags, p.setVariables()...)
	p.noteSources(sources, p.config.variables)
	diags = append(diags, p.check(diags.HasErrors())...)
	slices.Sort(p.Unset)
	slices.Sort(p.Secrets)
	p.Secrets = slices.Compact(p.Secrets)
	p.loaded = true
	slices.Sort(p.Tags)
	p.Tags = slices.Compact(p.Tags)
	return p, tidy(diags, p.Secrets)
}

// parse parses files of a plan or of a library, and keeps them for messages.
func (p *Plan) parse(sources []source) (bodies []*hclsyntax.Body, diags hcl.Diagnostics) {
	for _, s := range sources {
		file, more := parseConfig(s.text, s.name)
		diags = append(diags, onOneLine(unclosed(more))...)
		diags = append(diags, inexact(s)...)
		if file != nil {
			p.Files[s.name] = file
			bodies = append(bodies, file.Body.(*hclsyntax.Body))
		}
	}
	return bodies, diags
}

// severalPlans is how many blocks of different files of a directory must have the same name for these to be plans of their own. Each
// of them would be a mistake, and bring about more.
const severalPlans = 6

// twice is a block that two files of a directory have.
type twice struct{ block, name, first, second string }

func several(dir string, all []twice) *hcl.Diagnostic {
	byFiles := map[[2]string][]string{}
	most := [2]string{all[0].first, all[0].second}
	for _, t := range all {
		files := [2]string{t.first, t.second}
		byFiles[files] = append(byFiles[files], fmt.Sprintf("%s %q", t.block, t.name))
		if len(byFiles[files]) > len(byFiles[most]) {
			most = files
		}
	}
	blocks := byFiles[most]
	if more := len(blocks) - 2; more > 1 {
		blocks = append(blocks[:2], fmt.Sprintf("%d more", more))
	}
	return mistake(hcl.Range{}, fmt.Sprintf("%s has several plans: %s and %s both have %s", dir, most[0], most[1], strings.Join(blocks, ", ")),
		fmt.Sprintf("A directory is one plan, made of all of its *.hcl files. Name one of the files instead, such as %s.", most[1]))
}

// unclosed returns the diagnostics of a parser with one in place of all that a quote brings about which is not closed: from there
// on the parser takes text for code and code for text.
func unclosed(diags hcl.Diagnostics) hcl.Diagnostics {
	i := slices.IndexFunc(diags, func(d *hcl.Diagnostic) bool {
		return d.Subject != nil && (d.Summary == "Invalid multi-line string" || d.Summary == "Unterminated template string")
	})
	if i < 0 {
		return diags
	}
	first := *diags[i].Subject
	first.End = first.Start
	return append(slices.Clone(diags[:i]), mistake(first, "A quote is not closed on this line",
		`Close it with a second ". A text of several lines is a heredoc: <<-EOT, the lines, and EOT on a line of its own.`))
}

// onOneLine puts in our words what a parser says of a block with several arguments on one line, which most people write once.
func onOneLine(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if d.Summary == "Invalid single-argument block definition" {
			d.Summary = "A block on one line can have only one argument"
			d.Detail = "Give each argument a line of its own: the opening brace ends the first line, and the closing brace has the last one to itself."
		}
	}
	return diags
}

// inexact returns a mistake for the first literal of a plan that would not reach hosts as it is written: see exact.
func inexact(s source) hcl.Diagnostics {
	if exact(s.text) == nil {
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(s.text, s.name, hcl.InitialPos)
	for _, t := range tokens {
		if err := exact(t.Bytes); err != nil && t.Type != hclsyntax.TokenComment {
			return hcl.Diagnostics{mistake(t.Range, "This text "+err.Error(),
				"Write it in that form (on macOS, names of files often are not), or put it in a file and name that as `source`.")}
		}
	}
	return nil
}

// noteSecrets notes secrets that appear while expressions are evaluated.
func (p *Plan) noteSecrets(secrets []string) {
	switch {
	case !p.loaded:
		p.Secrets = append(p.Secrets, secrets...)
	case p.opts.Hide != nil:
		p.opts.Hide(secrets...)
	}
}

// ignored reports whether a file in a plan's directory is not part of the plan: it is a variable file, of this run or, by its
// name, of another one; or it is hidden, like the files that editors leave behind.
func ignored(name string, varFiles []string) bool {
	if base := filepath.Base(name); strings.HasPrefix(base, ".") || strings.HasSuffix(base, ".vars.hcl") {
		return true
	}
	is, err := os.Stat(name)
	return err == nil && slices.ContainsFunc(varFiles, func(v string) bool {
		varFile, err := os.Stat(v)
		return err == nil && os.SameFile(is, varFile)
	})
}

// readSources returns the plan's directory and files.
func readSources(path string, varFiles []string) (dir string, sources []source, diags hcl.Diagnostics) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, hcl.Diagnostics{unreadable("plan", path, err)}
	}
	names := []string{path}
	dir = filepath.Dir(path)
	if info.IsDir() {
		dir = path
		names, err = filepath.Glob(filepath.Join(escapeGlob(path), "*.hcl"))
		if err != nil {
			return "", nil, hcl.Diagnostics{unreadable("plan", path, err)}
		}
		names = slices.DeleteFunc(names, func(name string) bool { return ignored(name, varFiles) })
		if len(names) == 0 {
			return "", nil, hcl.Diagnostics{{
				Severity: hcl.DiagError,
				Summary:  fmt.Sprintf("There is no plan in %s", path),
				Detail:   "A directory is a plan if it has files whose names end in .hcl.",
			}}
		}
	}
	for _, name := range names {
		text, err := readSource(name, info.IsDir())
		if err != nil {
			diags = append(diags, unreadable("plan", name, err))
			continue
		}
		sources = append(sources, source{name: name, text: unixLines(text)})
	}
	return dir, sources, diags
}

// mostOfSource is how many bytes a file of a plan, or of variables, may have.
const mostOfSource = 16 << 20

// readSource reads a file of a plan, or of variables. A pipe that somebody names is read, as in `-var-file <(sops -d FILE)`; among the
// files of a directory it would only be waited for.
func readSource(name string, found bool) ([]byte, error) {
	if info, err := os.Stat(name); found && err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	text, err := io.ReadAll(io.LimitReader(f, mostOfSource+1))
	if err == nil && len(text) > mostOfSource {
		err = fmt.Errorf("it has more than %d MB", mostOfSource>>20)
	}
	return text, err
}

// ReadVarFile reads a file of variables as it is.
func ReadVarFile(name string) ([]byte, error) { return readSource(name, false) }

// unixLines returns text with lines that end in "\n". An editor or git on Windows writes "\r\n", which would become part of
// heredocs, and so of scripts and configuration on hosts: a plan must mean the same on every laptop.
func unixLines(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path // a backslash doesn't escape on Windows (filepath.Match)
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// check evaluates everything that doesn't need a connection, with the facts of all hosts unknown. flawed means that
// mistakes were found before.
func (p *Plan) check(flawed bool) hcl.Diagnostics {
	e := p.evaluation(nil)
	e.flawed = flawed || len(p.Unset) > 0
	static := e.scope(staticScope, nil, nil)
	p.missingHosts = p.config.lostHosts
	static.expandHosts()
	static.evaluateHosts()
	static.expandGroups()
	static.evaluateGroups()
	if static.inheritVars() {
		delete(e.scopes, static.scopeKey) // what it knows of hosts is without the groups' vars
		static = e.scope(staticScope, nil, nil)
	}
	p.Hosts = static.makeHosts()
	checked := p.checkedHosts()
	p.Plays = static.makePlays(p.Hosts)

	anywhere := e.scope(anyHostScope, nil, nil)
	for _, name := range sortedKeys(p.config.locals) {
		anywhere.local(name, p.config.locals[name].NameRange)
	}
	anywhere.checkTop(p.config)
	for _, play := range p.Plays {
		hosts := play.Hosts
		if len(hosts) == 0 && len(p.Hosts) > 0 {
			hosts = p.Hosts[:1] // which hosts it has is a mistake, reported already; those of its steps are as well worth knowing
		}
		for i, host := range hosts {
			if i > 0 && !checked(host) {
				continue
			}
			s := e.scope(stepScope, play, host)
			s.varies = play.block.uses.self
			if i == 0 || play.block.uses.self {
				s.playApplies()
			}
			s.inherited()
			s.checkItems(play.block.items, i == 0)
		}
	}
	for _, play := range p.Plays {
		e.checkQueries(play)
	}
	e.outputs()
	if !flawed && len(e.diags) == 0 {
		e.conflicts(checked)
	}
	return e.result()
}

// checkedHosts returns what reports whether the steps of a host are checked; see [Options.Limit].
func (p *Plan) checkedHosts() func(*Host) bool {
	var names []string
	if p.opts.Limit != nil {
		names = p.opts.Limit(p)
	}
	if names == nil {
		return func(*Host) bool { return true }
	}
	limit := map[string]bool{}
	for _, name := range names {
		limit[name] = true
	}
	return func(h *Host) bool { return limit[h.Name] }
}
