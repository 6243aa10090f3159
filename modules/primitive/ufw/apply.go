package ufw

import (
	"context"
	_ "embed"
	"errors"
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
	w, _ := c.Work.(work)
	script := w.script()
	modules.Progress(ctx, "%s of ufw", modules.Counted(len(w), "command"))
	var result modules.Result
	var err error
	if s.couldShutOut(w) {
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

// script does w. ufw can't add a rule to chains that are not loaded, so those are loaded first.
func (w work) script() string {
	script := functions + "installed\n"
	if slices.Contains(w, task(load{})) {
		script += "load\n"
	}
	for _, t := range w {
		for _, words := range t.commands() {
			for i := range words {
				words[i] = strings.ReplaceAll(words[i], "%20", " ") // in names of application profiles
			}
			script += "fw " + shell.QuoteAll(words) + "\n"
		}
	}
	return script
}

// couldShutOut reports whether w could refuse a new login, and must be made under the switch. Tasks that only allow more,
// or that concern routed packets, comments or logs, can not.
func (s *Step) couldShutOut(w work) bool {
	return slices.ContainsFunc(w, func(t task) bool {
		_, undecided := t.(unconfirmed) // to report why the previous change is still there
		return undecided || s.Enabled && t.couldShutOut()
	})
}

// deletion returns the words that delete the rule with the given words.
func deletion(words []string) []string {
	if words[0] == "route" {
		return append([]string{"--force", "route", "delete"}, words[1:]...)
	}
	return append([]string{"--force", "delete"}, words...)
}
