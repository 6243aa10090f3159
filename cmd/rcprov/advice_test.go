package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/manual"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/all"
	"github.com/rcprov/rcprov/templates"
)

// unchecked are texts that look like pieces of plans and are none, with the reason.
var unchecked = map[string]string{
	"cmd/rcprov/internal/plan/language.txt: name = expression":                                                        "the form of an argument",
	"cmd/rcprov/internal/plan/language.txt: NAME = expression":                                                        "the form of a line in a variable file",
	"cmd/rcprov/internal/plan/variables.go: name = value":                                                             "the form of a line in a variable file",
	"modules/product/jitsi/settings.go: authentication = \"%s\"":                                                      "a line of prosody's configuration",
	"modules/product/jitsi/settings.go: external_service_secret = \"%s\"":                                             "a line of prosody's configuration",
	"modules/product/mongoreplicaset/diff.go: c = rs.conf(); c.members[0].host = %q; rs.reconfig(c, { force: true })": "a line for mongosh",
	"plans/cluster.hcl: name = value":                                                                                 "the form of a line in a variable file",
	"plans/jitsi.hcl: name = value":                                                                                   "the form of a line in a variable file",
	"plans/prod.hcl: name = value":                                                                                    "the form of a line in a variable file",
}

// withSnippets are files that have at least so many snippets: when fewer are found, they are not looked for as they are
// written there. Each module's args.go has one or more.
var withSnippets = map[string]int{
	"README.md":                             1,
	"CHANGELOG.md":                          1,
	"cmd/rcprov/README.md":                  2,
	"cmd/rcprov/internal/plan/doc.go":       2,
	"cmd/rcprov/internal/plan/hosts.go":     4,
	"cmd/rcprov/internal/plan/language.txt": 4,
	"cmd/rcprov/internal/plan/plays.go":     5,
	"modules/primitive/ufw/apply.go":        1,
	"modules/primitive/ufw/ufw.go":          1,
	"modules/product/sshd/refuse.go":        4,
	"plans/README.md":                       10,
	"plans/cluster.hcl":                     1,
}

// TestAdvice validates every piece of a plan that the program, its manual or its documentation shows.
func TestAdvice(t *testing.T) {
	t.Parallel()
	found, err := allSnippets("../..")
	if err != nil {
		t.Fatal(err)
	}
	a := newAdviser(t)
	seen := map[string]bool{}
	checked := 0
	for _, file := range slices.Sorted(maps.Keys(found)) {
		checked += len(found[file])
		for _, s := range found[file] {
			key := s.file + ": " + s.text
			if unchecked[key] != "" {
				seen[key] = true
				continue
			}
			if err := a.check(t, s); err != nil {
				t.Errorf("%s: `%s`\n%v", s.place(), s.text, err)
			}
		}
	}
	t.Logf("%d snippets, %d of them unchecked", checked, len(seen))
	for _, key := range slices.Sorted(maps.Keys(unchecked)) {
		if !seen[key] {
			t.Errorf("%s is no longer there: take it out of the list", key)
		}
	}
	for file, least := range withSnippets {
		if n := len(found[file]); n < least {
			t.Errorf("%s has %d snippets, and at least %d are expected", file, n, least)
		}
	}
	for _, m := range a.modules {
		file := a.argsFile(m.Name)
		if len(found[file]) == 0 {
			t.Errorf("%s has no snippet", file)
		}
		a.checkManual(t, m, found[file])
	}
}

// checkManual reports lines of the example that `rcprov doc` prints which are in none of the snippets that were validated.
func (a *adviser) checkManual(t *testing.T, m modules.Module, validated []snippet) {
	t.Helper()
	for line := range strings.Lines(a.pages[m.Name].Example) {
		line = strings.TrimSpace(line)
		if !slices.ContainsFunc(validated, func(s snippet) bool { return strings.Contains(s.text, line) }) {
			t.Errorf("rcprov doc %s: nobody validates the line %q of the example", m.Name, line)
		}
	}
}

// TestReadmeVariables loads plans/prod.hcl with the variable file that its page has people write, with and without the
// lines for video calls. All else is made by `rcprov secrets init`.
func TestReadmeVariables(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../plans/README.md")
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile(`(?s)cat >prod\.vars\.hcl <<END\n(.*?)\n *END\n`).FindSubmatch(readme)
	calls := regexp.MustCompile(`(?m)(^    meet_\w+ += .*\n)+`).Find(readme)
	if file == nil || calls == nil {
		t.Fatal("plans/README.md has no prod.vars.hcl, or no lines for video calls")
	}
	a := newAdviser(t)
	made := regexp.MustCompile(`"\.\.\."`) // what people make with openssl
	for _, text := range []string{string(file[1]), string(file[1]) + "\n" + string(calls)} {
		text = made.ReplaceAllLiteralString(text, `"`+a.value("secret")+`"`)
		name := filepath.Join(t.TempDir(), "prod.vars.hcl")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		options := plan.Options{Modules: a.modules, Templates: templates.FS, VarFiles: []string{name}, Unset: plan.UnsetSecrets}
		p, diags := plan.Load("../../plans/prod.hcl", options)
		if diags.HasErrors() {
			t.Errorf("%v\nwith\n%s", diags, text)
			continue
		}
		for _, v := range p.Variables() {
			if slices.Contains(p.Unset, v.Name) && v.Generate == "" {
				t.Errorf("%s has no value, and `rcprov secrets init` makes none", v.Name)
			}
		}
	}
}

// TestReadmeIsShort: a stranger reads it to its end.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(readme), "\n"); lines > 200 {
		t.Errorf("README.md has %d lines; what is longer than 200 belongs where it is used", lines)
	}
}

// readmeCommands are the commands of README.md, each with a test that runs it.
var readmeCommands = map[string]string{
	"go install ./cmd/rcprov": "TestReadme",
	"make bench":              "", // an hour; its figures are in e2e/bench/README.md
	"make demo":               "TestStoriesAreShort",
	"rcprov apply first.hcl -var address=203.0.113.10": "TestReadme",
	"rcprov apply":        "TestReadme",
	"rcprov doc MODULE":   "TestScripts",
	"rcprov doc language": "TestScripts",
	"rcprov init":         "TestScripts",
	"rcprov init first":   "TestReadme",
	"rcprov plan":         "TestReadme",
	"rcprov plan first.hcl -var address=203.0.113.10": "TestReadme",
	"sudo apt install ./rcprov_0.1.0_amd64.deb":       "TestReadme",
}

// TestReadmeCommands: each command of README.md is known to be run by a test.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	exists, left := tests(t), maps.Clone(readmeCommands)
	commands := regexp.MustCompile("(?m)^(?:    |\\$ )((?:rcprov|go|make|sudo) .*?)(?: +#.*)?$|`((?:rcprov|go|make|sudo) [^`]+)`")
	for _, m := range commands.FindAllStringSubmatch(string(readme), -1) {
		command := m[1] + m[2]
		name, ok := readmeCommands[command]
		if !ok {
			t.Errorf("no test is said to run %q", command)
		} else if name != "" && !exists(name) {
			t.Errorf("there is no %s, which is said to run %q", name, command)
		}
		delete(left, command)
	}
	for command := range left {
		t.Errorf("README.md has no %q", command)
	}
}

// TestReadmeLines compares the lines of plans in the messages that README.md shows with the plans.
func TestReadmeLines(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^  on (plans/\S+) line (\d+), in .*:\n *(\d+): (.*)$`).FindAllStringSubmatch(string(readme), -1)
	if len(found) == 0 {
		t.Error("README.md shows no message with a line")
	}
	for _, m := range found {
		text, err := os.ReadFile("../../" + m[1])
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprint(slices.Index(strings.Split(string(text), "\n"), m[4]) + 1)
		if m[2] != line || m[3] != line {
			t.Errorf("README.md shows line %s of %s as %q, which is line %s there (0: none)", m[2], m[1], m[4], line)
		}
	}
}

// TestWrongAdvice holds the search for snippets, and what is said of wrong ones, to a source that has them in all places.
func TestWrongAdvice(t *testing.T) {
	t.Parallel()
	source := "package ufw\n\n" +
		"// Text with `from = each.value`, `fron = 1`,\n// and\n//\n//\tufw \"firewall\" {\n//\t  enable = true\n//\t}\nfunc f() {\n" +
		"\thint(\"Write `rule { port = \\\"%d\\\", proto = \\\"tcp\\\" }` or `state = \\\"absent\\\"` of a `file` step.\", 22)\n" +
		"\thint(\"Install it: \" +\n\t\t\"apt_package \\\"ufw\\\" { name = \\\"ufw\\\" }, with \" + x() + \" and exclusiv = true.\")\n" +
		"\trun(\"LC_ALL=C ufw status; x = y\")\n}\n"
	page := "# Title\n\nSet `exclusive = true`, or `exclusiv = true`.\n\n    play \"x\" {\n      host = group.all\n    }\n\n" +
		"```sh\nname = wrong\n```\n```hcl\nhost \"a\" {}\nplay \"x\" {\n  hosts = group.alle\n}\n```\n"
	found, err := goSnippets("modules/primitive/ufw/apply.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	found = append(found, markdownSnippets("README.md", []byte(page))...)
	a := newAdviser(t)
	var got []string
	for _, s := range found {
		first, _, _ := strings.Cut(s.text, "\n")
		verdict := "valid"
		if err := a.check(t, s); err != nil {
			verdict = "wrong"
		}
		got = append(got, fmt.Sprintf("%s %s: %s", s.place(), first, verdict))
	}
	want := []string{
		`modules/primitive/ufw/apply.go:3 from = each.value: valid`,
		`modules/primitive/ufw/apply.go:3 fron = 1: wrong`,
		`modules/primitive/ufw/apply.go:6 ufw "firewall" {: wrong`,
		`modules/primitive/ufw/apply.go:10 rule { port = "%d", proto = "tcp" }: wrong`,
		`modules/primitive/ufw/apply.go:10 state = "absent": valid`,
		`modules/primitive/ufw/apply.go:12 apt_package "ufw" { name = "ufw" }: wrong`,
		`modules/primitive/ufw/apply.go:12 exclusiv = true: wrong`,
		`README.md:3 exclusive = true: valid`,
		`README.md:3 exclusiv = true: wrong`,
		`README.md:5 play "x" {: wrong`,
		`README.md:13 host "a" {}: wrong`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("snippets (-want +got):\n%s", diff)
	}
}

// adviser validates snippets with the real loader and the real modules.
type adviser struct {
	modules []modules.Module
	pages   map[string]manual.Manual
	dirs    map[string]string // of modules, by the last element

	certificate, key string // for snippets that read them from files
}

func newAdviser(t *testing.T) *adviser {
	t.Helper()
	a := &adviser{modules: all.Modules(), pages: map[string]manual.Manual{}, dirs: map[string]string{}}
	a.certificate, a.key = selfSigned(t)
	for _, m := range a.modules {
		page, err := manual.Of(m)
		if err != nil {
			t.Fatal(err)
		}
		a.pages[m.Name] = page
	}
	for _, pattern := range []string{"../../modules/primitive/*", "../../modules/product/*"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			a.dirs[filepath.Base(dir)] = strings.TrimPrefix(filepath.ToSlash(dir), "../../")
		}
	}
	return a
}

func (a *adviser) argsFile(module string) string {
	return a.dirs[strings.ReplaceAll(module, "_", "")] + "/args.go"
}

// place is a block that a fragment may belong in.
type place struct {
	what   string
	before string            // the plan up to the fragment; steps are in a play of every host
	args   map[string]string // values for its arguments, as HCL
	needs  []string          // those without which it isn't complete
	step   bool              // all of its arguments are in args, but for those that every step may have
	after  string
}

var language = []place{
	{what: "a host block", before: `host "web9" {`, args: map[string]string{"address": `"203.0.113.9"`}, after: "}"},
	{what: "a play", before: `play "it" {`, args: map[string]string{"hosts": "group.all"}, needs: []string{"hosts"}, after: "}"},
	{what: "a group block", before: `group "them" {`, args: map[string]string{"hosts": "group.all"}, needs: []string{"hosts"}, after: "}"},
	{what: "a variable block", before: `variable "v" {`, args: map[string]string{"default": "1"}, needs: []string{"default"}, after: "}"},
	{what: "an include block", before: "play \"it\" {\nhosts = group.all\ninclude \"it\" {", args: map[string]string{"source": `"./lib/it"`}, needs: []string{"source"}, step: true, after: "}\n}"},
	{what: "an output block", before: `output "o" {`, args: map[string]string{"value": "1"}, needs: []string{"value"}, after: "}"},
}

// steps returns the places in a block of a module, its nested blocks included.
func (a *adviser) steps(module string) []place {
	start := fmt.Sprintf("play \"it\" {\n hosts = group.all\n %s \"it\" {\n", module)
	return within("a step of "+module, start, a.pages[module].Args, "}\n}\n")
}

func within(what, before string, args []manual.Arg, after string) []place {
	p := place{what: what, before: before, args: map[string]string{}, step: true, after: after}
	nested := ""
	for _, arg := range args {
		switch {
		case arg.Type == "label":
		case arg.Type == "block" || arg.Type == "blocks":
		default:
			p.args[arg.Name] = unknown(arg.Type)
			if arg.Required {
				p.needs = append(p.needs, arg.Name)
			}
		}
	}
	places := []place{p}
	for _, name := range p.needs {
		nested += name + " = " + p.args[name] + "\n"
	}
	for _, arg := range args {
		if arg.Type != "block" && arg.Type != "blocks" {
			continue
		}
		header := arg.Name
		for _, inner := range arg.Args {
			if inner.Type == "label" {
				header += ` "it"`
			}
		}
		places = append(places, within(what+", block "+arg.Name, before+nested+header+" {\n", arg.Args, "}\n"+after)...)
	}
	return places
}

// unknown is an expression that is known on hosts only: a step that has one is checked as far as that goes, and is not built.
func unknown(ty string) string {
	switch ty {
	case "number":
		return "facts.cpus"
	case "bool":
		return `(facts.arch == "amd64")`
	case "string", "secret string", "any value":
		return "facts.hostname"
	}
	if element, isList := strings.CutPrefix(ty, "list of "); isList {
		if element == "paths or steps" {
			element = "strings"
		}
		return "[" + unknown(strings.TrimSuffix(element, "s")) + "]"
	}
	if element, isMap := strings.CutPrefix(ty, "map of "); isMap {
		return "{ it = " + unknown(strings.TrimSuffix(element, "s")) + " }"
	}
	return "facts.hostname"
}

// check validates a snippet: a plan as it is, steps in a play, anything else in a block that it may belong in.
func (a *adviser) check(t *testing.T, s snippet) error {
	t.Helper()
	text, partial := complete(s)
	if expressionShape.MatchString(strings.TrimSpace(text)) {
		return a.load(t, fmt.Sprintf("output \"it\" { value = %s }", text))
	}
	file, diags := hclsyntax.ParseConfig([]byte(anythings.ReplaceAllString(text, "$1 = null")), "snippet", hcl.InitialPos)
	if diags.HasErrors() {
		return fmt.Errorf("is not HCL: %w", diags)
	}
	body := file.Body.(*hclsyntax.Body)
	if len(body.Attributes) > 0 || partial || !a.whole(body) {
		return a.fragment(t, s, body, text, partial)
	}
	var plans []string
	if library, ok := a.library(t, body, text); ok {
		return library
	}
	if a.only(body, a.isModule) {
		plans = append(plans, "play \"it\" {\nhosts = group.all\n"+text+"\n}", apart(body, text))
	}
	if a.only(body, isLanguage) {
		plans = append(plans, text)
	}
	return a.any(t, plans)
}

// apart returns a plan with each step on a host of its own, for examples of one module that are alternatives.
func apart(body *hclsyntax.Body, text string) string {
	var hosts, steps strings.Builder
	for i, b := range body.Blocks {
		at := b.Range()
		fmt.Fprintf(&hosts, "host \"alone%d\" {}\n", i)
		fmt.Fprintf(&steps, "%s\nwhen = self.name == \"alone%d\"\n%s\n", text[at.Start.Byte:b.OpenBraceRange.End.Byte], i, text[b.OpenBraceRange.End.Byte:at.End.Byte])
	}
	return hosts.String() + "play \"it\" {\nhosts = group.all\n" + steps.String() + "}"
}

// whole reports whether a body has blocks of plans or steps alone.
func (a *adviser) whole(body *hclsyntax.Body) bool {
	return len(body.Blocks) > 0 && (a.only(body, isLanguage) || a.only(body, a.isModule) || a.isLibrary(body))
}

// isLibrary reports whether a body has steps beside what a library may have.
func (a *adviser) isLibrary(body *hclsyntax.Body) bool {
	return a.only(body, func(name string) bool {
		return a.isModule(name) || slices.Contains([]string{"variable", "locals", "output"}, name)
	})
}

// library validates a library by including it; ok is false if the body is none.
func (a *adviser) library(t *testing.T, body *hclsyntax.Body, text string) (err error, ok bool) {
	t.Helper()
	if !a.isLibrary(body) || a.only(body, isLanguage) || a.only(body, a.isModule) {
		return nil, false
	}
	args := ""
	for _, b := range body.Blocks {
		if b.Type == "variable" && b.Body.Attributes["default"] == nil {
			args += b.Labels[0] + " = \"203.0.113.10\"\n"
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return a.load(t, fmt.Sprintf("play \"it\" {\nhosts = group.all\ninclude \"it\" {\nsource = %q\n%s}\n}\n", dir, args)), true
}

func (a *adviser) only(body *hclsyntax.Body, is func(string) bool) bool {
	return !slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return !is(b.Type) })
}

func (a *adviser) isModule(name string) bool { _, ok := a.pages[name]; return ok || name == "include" }

func isLanguage(name string) bool {
	return slices.Contains([]string{"host", "play", "group", "variable", "locals", "output", "include"}, name)
}

// any returns nil when one of the plans is valid, and else what is wrong with the first.
func (a *adviser) any(t *testing.T, plans []string) error {
	t.Helper()
	var first error
	for _, text := range plans {
		err := a.load(t, text)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return errors.New("belongs in no block that is known here")
	}
	return first
}

// fragment validates arguments and nested blocks in the blocks that the text around them speaks of.
func (a *adviser) fragment(t *testing.T, s snippet, body *hclsyntax.Body, text string, partial bool) error {
	t.Helper()
	if partial && len(body.Blocks) == 1 && len(body.Attributes) == 0 && a.whole(body) {
		return a.any(t, a.partial(body.Blocks[0], text))
	}
	if len(body.Blocks) == 0 && a.isVariables(t, body) {
		return nil
	}
	places := a.places(s)
	var plans []string
	for _, p := range places {
		if plan, ok := p.around(body, text); ok && p.takes(body) {
			plans = append(plans, plan)
		}
	}
	if plan, ok := places[0].around(body, text); ok && len(plans) == 0 {
		plans = append(plans, plan) // it is wrong there, too, and the message names what there is
	}
	return a.any(t, plans)
}

// takes reports whether the place has the fragment's arguments. It spares the loader what would fail anyway.
func (p place) takes(body *hclsyntax.Body) bool {
	for name := range body.Attributes {
		if _, known := p.args[name]; p.step && !known && !slices.Contains(everyStep, name) {
			return false
		}
	}
	return true
}

// everyStep are the arguments that every step may have.
var everyStep = []string{"when", "for_each", "tags", "retries", "timeout", "run_once", "preflight"}

// partial completes one block of which only a part is shown.
func (a *adviser) partial(block *hclsyntax.Block, text string) []string {
	places := slices.DeleteFunc(slices.Clone(language), func(p place) bool { return !strings.HasPrefix(p.before, block.Type+" ") })
	if block.Type == "locals" {
		places = append(places, place{before: "locals {", after: "}"})
	}
	if a.isModule(block.Type) {
		places = append(places, a.steps(block.Type)[0])
	}
	inner := text[strings.Index(text, "{")+1 : strings.LastIndex(text, "}")]
	var plans []string
	for _, p := range places {
		if plan, ok := p.around(block.Body, inner); ok {
			plans = append(plans, plan)
		}
	}
	return plans
}

// around returns a plan with the fragment in the place. ok is false when the fragment has an argument that the place
// doesn't have a value for.
func (p place) around(body *hclsyntax.Body, text string) (plan string, ok bool) {
	ok = true
	text = anythings.ReplaceAllStringFunc(text, func(argument string) string {
		name := strings.Fields(argument)[0]
		value, known := p.args[name]
		if p.args == nil {
			value, known = "1", true
		}
		ok = ok && known
		return name + " = " + value
	})
	plan = p.before + "\n"
	for _, name := range p.needs {
		if body.Attributes[name] == nil {
			plan += name + " = " + p.args[name] + "\n"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.args)) {
		if p.args[name] == "facts.hostname" && body.Attributes[name] == nil && !slices.Contains(p.needs, name) {
			plan += name + " = facts.hostname\n" // so that it isn't built: a part of a step need not make sense
			break
		}
	}
	if strings.Contains(text, "each.") && body.Attributes["for_each"] == nil {
		plan += "for_each = [\"203.0.113.10\"]\n"
	}
	return plan + text + "\n" + p.after, ok
}

// words are the modules whose names are also words of prose: they are meant only in backquotes or before "block" or "step".
var words = []string{"archive", "check", "command", "directory", "download", "file", "group", "line", "link", "node", "user"}

// places are the blocks that the text around a snippet speaks of: those of its own module, those it names, and in texts
// about plans themselves all of the language's.
func (a *adviser) places(s snippet) []place {
	var places []place
	named := map[string]bool{}
	add := func(module string) {
		if !named[module] {
			named[module] = true
			places = append(places, a.steps(module)...)
		}
	}
	for _, m := range a.modules {
		if strings.HasPrefix(s.file, path.Dir(a.argsFile(m.Name))+"/") {
			add(m.Name)
		}
	}
	for _, m := range a.modules {
		mention := `\b` + m.Name + `\b`
		if slices.Contains(words, m.Name) {
			mention = "`" + m.Name + "`" + `|\b` + m.Name + ` (blocks?|steps?|")`
		}
		if regexp.MustCompile(mention).MatchString(s.about) {
			add(m.Name)
		}
	}
	if len(places) == 0 { // a text that several modules share
		for _, m := range a.modules {
			add(m.Name)
		}
	}
	if !strings.HasPrefix(s.file, "modules/") {
		return append(places, append(slices.Clone(language), a.steps("file")...)...)
	}
	for word, index := range map[string]int{"host block": 0, "block of the host": 0, "play": 1} {
		if strings.Contains(s.about, word) {
			places = append(places, language[index])
		}
	}
	return places
}

// values stand in for verbs where not just any text will do.
var values = strings.NewReplacer(
	"{ %s = ", "{ memory = ",
	"[%s]", `["NAME"]`,
	"path = %q", `path = "/NAME"`,
	"permit_root_login = %q", `permit_root_login = "no"`,
	"version = %q", `version = "8.0"`,
)

var (
	verbs     = regexp.MustCompile(`%[+#]?[dsqvx]`)
	anythings = regexp.MustCompile(`\b(\w+) += \.\.\.`) // an argument whose value is left out
)

// complete replaces what stands for something else: verbs of fmt, dots, VALUE. partial is set when something is left out.
func complete(s snippet) (text string, partial bool) {
	text = s.text
	if s.hint {
		verb := func(v string) string {
			return map[byte]string{'d': "1", 's': "NAME", 'q': `"NAME"`, 'v': "NAME", 'x': "1"}[v[len(v)-1]]
		}
		text = values.Replace(text)
		text = verbs.ReplaceAllStringFunc(text, verb)
	}
	for _, r := range []struct{ old, new string }{{", ...]", "]"}, {"[...]", "[]"}, {"VALUE", `"value"`}, {"= expression", "= 1"}} {
		text = strings.ReplaceAll(text, r.old, r.new)
	}
	if anythings.MatchString(text) {
		partial = true
	}
	for _, dots := range []string{"{ ... }", " ... }"} {
		if strings.Contains(text, dots) && !strings.Contains(text, "= ... }") {
			text, partial = strings.ReplaceAll(text, dots, strings.ReplaceAll(dots, "...", "")), true
		}
	}
	return text, partial
}

// isVariables reports whether all that a body sets are variables of a plan that people copy.
func (a *adviser) isVariables(t *testing.T, body *hclsyntax.Body) bool {
	t.Helper()
	plans, err := filepath.Glob("../../plans/*.hcl")
	if err != nil || len(plans) == 0 {
		t.Fatal("no plans", err)
	}
	for _, name := range plans {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		has := func(variable string) bool { return bytes.Contains(text, fmt.Appendf(nil, "variable %q {", variable)) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(body.Attributes)), func(v string) bool { return !has(v) }) {
			return true
		}
	}
	return false
}

// stubs are steps that snippets refer to without showing them.
var stubs = map[string]string{
	"acme_certificate": "source = \"self_signed\"\nnames = [\"it.example.com\"]",
	"file":             "path = \"/etc/it\"",
	"nginx":            "",
	"node":             "version = \"22.22.3\"",
}

// load validates a plan after it has added what it refers to: hosts, groups, plays, variables, steps and files.
func (a *adviser) load(t *testing.T, text string) error {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(text), "snippet", hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	dir := t.TempDir()
	declared := map[string]bool{}
	options := plan.Options{Modules: a.modules, Templates: templates.FS}
	_ = hclsyntax.VisitAll(file.Body.(*hclsyntax.Body), func(n hclsyntax.Node) hcl.Diagnostics {
		if b, ok := n.(*hclsyntax.Block); ok {
			declared[b.Type] = true
			if b.Type == "include" {
				a.writeLibrary(t, dir, b.Body)
			}
			if len(b.Labels) == 1 {
				declared[b.Type+"."+b.Labels[0]] = true
			}
			if b.Type == "variable" {
				declared["var."+b.Labels[0]] = true
				if b.Body.Attributes["default"] == nil {
					options.Vars = append(options.Vars, b.Labels[0]+"=203.0.113.10")
				}
			}
		}
		return nil
	})
	var groups, steps []string
	added := "\n"
	for _, reference := range references(file.Body.(*hclsyntax.Body)) {
		root, name, _ := strings.Cut(reference, ".")
		stub, isStep := stubs[root]
		switch {
		case root == "group" && name != "all" && !declared[reference]:
			groups = append(groups, fmt.Sprintf("%q", name))
		case declared[reference]:
		case root == "host":
			added += fmt.Sprintf("host %q {}\n", name)
		case root == "play":
			added += fmt.Sprintf("play %q { hosts = group.all }\n", name)
		case root == "var":
			added += fmt.Sprintf("variable %q {}\n", name)
			options.Vars = append(options.Vars, name+"="+a.value(name))
		case isStep:
			steps = append(steps, fmt.Sprintf("%s %q {\n%s\n}\n", root, name, stub))
		}
	}
	if !declared["host"] {
		added += fmt.Sprintf("host \"web0\" {\naddress = \"203.0.113.10\"\nport = 2222\ngroups = [%s]\n}\n", strings.Join(groups, ", "))
	}
	switch {
	case len(steps) > 0 && !declared["play"]:
		added += "play \"before\" {\nhosts = group.all\n" + strings.Join(steps, "") + "}\n"
	case len(steps) > 0:
		text = strings.Replace(text, "hosts = group.all\n", "hosts = group.all\n"+strings.Join(steps, ""), 1)
	}
	for _, m := range regexp.MustCompile(`(?:file\(|source += |template += )"([^"/][^"]*)"`).FindAllStringSubmatch(text, -1) {
		if err := a.writeStub(dir, m[1]); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "plan.hcl")
	if err := os.WriteFile(name, []byte(text+added), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, diags := plan.Load(name, options); diags.HasErrors() {
		return fmt.Errorf("%w\nin\n%s", diags, text+added)
	}
	return nil
}

// references returns the first two names of what the expressions of a body refer to, without duplicates.
func references(body *hclsyntax.Body) []string {
	var found []string
	_ = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
		expr, ok := n.(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(expr.Traversal) < 2 {
			return nil
		}
		if attr, ok := expr.Traversal[1].(hcl.TraverseAttr); ok {
			found = append(found, expr.Traversal.RootName()+"."+attr.Name)
		}
		return nil
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// value is the value of a variable that a snippet doesn't declare.
func (a *adviser) value(variable string) string {
	if strings.HasSuffix(variable, "_key") && variable != "mongo_key" {
		return a.key
	}
	return "abcdefghijklmnopqrstuvwxyz0123456789"
}

// writeStub makes a file that a snippet reads.
func (a *adviser) writeStub(dir, name string) error {
	text := "stub\n"
	switch filepath.Ext(name) {
	case ".pub":
		text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0rGm3sGvSJBlYvGJSLVTSLPEUP1HKfhoKaGUDX1Xto me\n"
	case ".service":
		text = "[Service]\nExecStart=/usr/bin/it\n[Install]\nWantedBy=multi-user.target\n"
	case ".pem":
		text = a.certificate
	}
	path := filepath.Join(dir, name)
	if filepath.Base(name) == "site" { // the directory of a tree
		path = filepath.Join(path, "index.html")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil // a library
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// writeLibrary makes a library that takes what an include in a snippet gives it. One of plans/lib is there as it stands.
func (a *adviser) writeLibrary(t *testing.T, dir string, include *hclsyntax.Body) {
	t.Helper()
	source := "./lib/it"
	text := "output \"it\" { value = 1 }\n"
	for name, attr := range include.Attributes {
		if v, diags := attr.Expr.Value(nil); name == "source" && !diags.HasErrors() {
			source = v.AsString()
		} else if name != "source" && !slices.Contains(everyStep, name) {
			text += fmt.Sprintf("variable %q {}\n", name)
		}
	}
	if filepath.IsAbs(source) {
		return // that of a snippet
	}
	if library, ok := strings.CutPrefix(source, "./lib/"); ok {
		if _, err := os.Stat("../../plans/lib/" + library); err == nil {
			if err := os.CopyFS(filepath.Join(dir, "lib"), os.DirFS("../../plans/lib")); err != nil && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
			return
		}
	}
	path := filepath.Join(dir, source)
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "main.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// selfSigned returns a certificate for wiki.example.com and its key, in PEM form.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"wiki.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}
