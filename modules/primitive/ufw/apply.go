package ufw

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed functions.sh
var functions string

// switchName is the name of the dead man's switch.
const switchName = "ufw"

// The switch saves whether ufw's rules were loaded, which may differ from what the files say, and restores that.
const (
	saveScript   = "if iptables -S 2>/dev/null | grep -q '^-A INPUT -j ufw-before-input'; then : >loaded; fi\n"
	reloadScript = "if [ -e loaded ]; then load; else unload; fi\n"
)

// Apply implements [modules.Step]: one script, so that it goes on if the connection is lost. Turning the firewall on
// comes last, turning it off first. Each command may be repeated: ufw skips rules that exist, and silently accepts the
// deletion of rules that do not.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	script, err := s.script(c)
	if err != nil {
		return err
	}
	modules.Progress(ctx, "%d commands of ufw", len(c.Edits))
	var result modules.Result
	if s.couldShutOut(c) {
		result, err = deadman.Change(ctx, h, deadman.Switch{
			Name: switchName, Files: []string{"/etc/ufw", "/etc/default/ufw"}, Within: s.Within,
			Save: saveScript, Apply: script, Reload: functions + reloadScript,
			Hint: "Find what refuses a new SSH connection although the rules of the plan allow it: /etc/ufw/before.rules, an address that is not " +
				"the one rcprov connects from, other filters (`nft list ruleset` on the host).",
		})
	} else {
		result, err = h.Run(ctx, modules.Command{Script: script})
		err = modules.WithHint(err, "The commands before this one are done, the rest are not; `ufw show added` lists the rules.")
	}
	if result.Status == 127 {
		return modules.WithHint(errors.New("ufw is not installed on the host"),
			"Install it in an earlier step: `apt_package \"ufw\" { packages = [\"ufw\"] }`.")
	}
	var failed *modules.CommandError
	if s.Enabled && errors.As(err, &failed) && strings.Contains(string(result.Stderr), "ermission denied") {
		return modules.WithHint(err, "In a container, the firewall requires CAP_NET_ADMIN.")
	}
	return err
}

// script makes the edits of c. ufw can't add a rule to chains that are not loaded, so those are loaded first.
func (s *Step) script(c modules.Change) (string, error) {
	script := functions + "installed\n"
	if e, ok := c.Find("enabled"); ok && e.Action == modules.Run {
		script += "load\n"
	}
	fw := func(words ...string) {
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "%20", " ") // in names of application profiles
		}
		script += "fw " + shell.QuoteAll(words) + "\n"
	}
	for _, e := range c.Edits {
		switch {
		case e.Field == ruleField && e.Action == modules.Remove:
			fw(deletion(strings.Fields(e.From))...)
		case e.Field == ruleField || e.Field == order:
			i := slices.IndexFunc(s.Rules, func(w desiredRule) bool { return w.String() == e.To })
			if i < 0 {
				return "", fmt.Errorf("bug: no rule %q", e.To)
			}
			if name := s.Rules[i].application(); name != "" { // its rules may come from an older profile
				fw("app", "update", name)
			}
			fw(s.Rules[i].command()...)
			if e.Field == order { // now that it has the desired action and comment, it can be named
				fw(deletion(s.Rules[i].command())...)
				fw(s.Rules[i].command()...)
			}
		case strings.HasPrefix(e.Field, "default_"):
			fw("default", e.To, strings.TrimPrefix(e.Field, "default_"))
		case e.Field == "logging":
			fw("logging", e.To)
		case e.Field == "enabled" && !s.Enabled:
			fw("disable")
		case e.Field == "enabled" && e.Action != modules.Run:
			fw("--force", "enable")
		}
	}
	return script, nil
}

// couldShutOut reports whether c could refuse a new login, and must be made under the switch. Edits that only allow more,
// or that concern routed packets, comments or logs, can not.
func (s *Step) couldShutOut(c modules.Change) bool {
	if _, ok := c.Find(deadman.Field); ok {
		return true // to report why the previous change is still there
	}
	if !s.Enabled {
		return false
	}
	action := func(rule string) string {
		word, _, _ := strings.Cut(rule, " ") // "route" is none
		return word
	}
	return slices.ContainsFunc(c.Edits, func(e modules.Edit) bool {
		from, to := action(e.From), action(e.To)
		switch {
		case e.Field == order:
			return to != "route"
		case e.Field != ruleField:
			return e.Field == "enabled" || e.Field == "default_incoming" || e.Field == "default_outgoing"
		case e.Action == modules.Remove:
			return from == "allow" || from == "limit"
		default:
			return to != "route" && to != "allow" && to != from
		}
	})
}

// deletion returns the words that delete the rule with the given words.
func deletion(words []string) []string {
	if words[0] == "route" {
		return append([]string{"--force", "route", "delete"}, words[1:]...)
	}
	return append([]string{"--force", "delete"}, words...)
}
