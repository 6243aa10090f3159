package jitsi

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Settings is the step for the lines of the domain's prosody configuration that rcprov manages; the others are the package's or
// the administrator's. The package writes these lines when it is first configured, and never changes them afterwards.
type Settings struct {
	Path   string
	Wanted []setting
}

var _ modules.Step = (*Settings)(nil)

// A setting is a line with a fixed content, wherever it is in the file.
type setting struct {
	name     string
	match    *regexp.Regexp // of lines without leading space
	line     string         // empty: the line stays
	comment  bool           // whether a line that stays is a comment
	optional bool           // the file may lack the line
}

func newSetting(name, match, line string) setting {
	return setting{name: name, match: regexp.MustCompile(`^(?:--\s*)?` + match), line: line}
}

// change returns a line, without its leading space and end, as the setting wants it.
func (s setting) change(body string) string {
	code := strings.TrimLeft(strings.TrimPrefix(body, "--"), " \t")
	switch {
	case s.line != "":
		return s.line
	case !s.comment:
		return code
	case code == body:
		return "--" + code
	}
	return body
}

// announced are the lines for a server on the host itself, for STUN and TURN, which the package writes whether there is one or not.
func announced(domain string, there bool) []setting {
	var all []setting
	for _, kind := range []string{"stun", "turn", "turns"} {
		s := newSetting("external_services, "+kind, `\{ type = .`+kind+`., host = .`+regexp.QuoteMeta(domain)+`.,`, "")
		s.comment, s.optional = !there, !there
		all = append(all, s)
	}
	return all
}

// wantedSettings returns the settings for args. Without tokens they are those that the package writes, except for the servers for
// STUN and TURN: it announces coturn whether there is one or not.
func wantedSettings(args Args) []setting {
	authentication, id, secret, verification := "jitsi-anonymous", `--app_id="example_app_id"`, `--app_secret="example_app_secret"`, "--"
	if args.TokenAppID != "" {
		authentication, verification = "token", ""
		id, secret = `app_id="`+args.TokenAppID+`"`, `app_secret="`+string(args.TokenSecret)+`"`
	}
	all := []setting{
		// The package's own scripts find the line by its comment, too.
		newSetting("authentication", `authentication = "[a-z-]*" -- do not delete me`, `authentication = "`+authentication+`" -- do not delete me`),
		newSetting("app_id", `app_id="`, id),
		newSetting("app_secret", `app_secret="`, secret),
		newSetting("token_verification", `"token_verification";`, verification+`"token_verification";`),
	}
	if args.TURNSecret != "" {
		all = append(all, newSetting("external_service_secret", `external_service_secret\s*=`, `external_service_secret = "`+string(args.TURNSecret)+`";`))
	}
	return append(all, announced(args.Domain, args.TURNSecret != "")...)
}

// Observe implements [modules.Step].
func (s *Settings) Observe(q *observe.Query) { observe.File.Ask(q, confQuestion(s.Path)) }

// Diff implements [modules.Step].
func (s *Settings) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, confQuestion(s.Path))
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	_, differ, missing := apply(string(is.Content), s.Wanted)
	if len(missing) > 0 && is.Type == observe.Regular {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s has no line for %s", s.Path, strings.Join(missing, ", ")),
			"Restore it as in /usr/share/jitsi-meet-prosody/prosody.cfg.lua-jvb.example; or move the file away, and it is written again.")
	}
	// If there is no file, the package will write it.
	return modules.NewChange(settingsWork{Path: s.Path, Names: append(differ, missing...)}), nil
}

// settingsWork is the settings of a file that get their line. Apply writes them all, into the file as it is then.
type settingsWork struct {
	Path  string
	Names []string
}

// Edits implements [modules.Work].
func (w settingsWork) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, name := range w.Names {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: w.Path, Field: name, Sensitive: true})
	}
	return edits
}

// Foresee implements [modules.Foreseer]: the edits don't show the text, which holds secrets.
func (s *Settings) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	is, err := observe.File.Get(snapshot, confQuestion(s.Path))
	if err != nil || is.Type != observe.Regular {
		snapshot.Forecast().Write(s.Path, observe.NewContent, nil)
		return
	}
	text, _, _ := apply(string(is.Content), s.Wanted)
	snapshot.Forecast().Write(s.Path, observe.KnownContent([]byte(text)), nil)
}

// apply returns the text with the settings, and the names of the settings that differ and of those without a line.
func apply(text string, wanted []setting) (result string, differ, missing []string) {
	lines := strings.SplitAfter(text, "\n")
	for _, w := range wanted {
		found, same := false, true
		for i, line := range lines {
			body := strings.TrimLeft(line, " \t")
			if !w.match.MatchString(body) {
				continue
			}
			found = true
			end := ""
			if strings.HasSuffix(line, "\n") {
				end = "\n"
			}
			if now := line[:len(line)-len(body)] + w.change(strings.TrimSuffix(body, "\n")) + end; now != line {
				lines[i], same = now, false
			}
		}
		switch {
		case !found && w.optional:
		case !found:
			missing = append(missing, w.name)
		case !same:
			differ = append(differ, w.name)
		}
	}
	return strings.Join(lines, ""), differ, missing
}

// Apply implements [modules.Step].
func (s *Settings) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	read, err := h.Run(ctx, modules.Command{Argv: []string{"cat", "--", s.Path}})
	if err != nil {
		return err
	}
	text, _, _ := apply(string(read.Stdout), s.Wanted)
	return modules.WriteFile(ctx, h, modules.File{Path: s.Path, Content: []byte(text), Keep: true, Mode: 0o640, Group: "prosody"})
}
