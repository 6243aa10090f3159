package wayin

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/observe"
)

// A Danger is what a change may do to the way in. The zero Danger is none.
type Danger struct {
	Things []string // what it touches, for people: "user ubuntu", "/etc/sudoers.d/ops"

	files, rights []string
	own           []deadman.Own
	sshd          bool // it reads its files again only when it is told to
}

// Note is what a plan says of the danger.
func (d Danger) Note() string {
	return "rcprov gets in by way of " + strings.Join(d.Things, ", ") + ": a new login confirms the change, or the host takes it back"
}

// Danger returns what a step with these claims, one that differs, may do to the way in. It is an error if the step would
// certainly shut rcprov out.
func (w Way) Danger(claims []modules.Claim) (Danger, error) {
	var d Danger
	if w.User == "" {
		return d, nil
	}
	for _, c := range claims {
		if err := w.refuse(c); err != nil {
			return Danger{}, err
		}
		w.add(&d, c)
	}
	return d, nil
}

// refuse returns an error if what is claimed would certainly shut rcprov out.
func (w Way) refuse(c modules.Claim) error {
	absent := c.Property == "" && c.Value == modules.Absent
	is := func(property string, value any) bool { return c.Property == property && c.Value == value }
	name := c.Thing.Name
	switch c.Thing.Kind {
	case modules.KindUser:
		shell, _ := c.Value.(string)
		switch {
		case name != w.User:
		case absent:
			return w.refusal("rcprov is logged in as "+name+", whom this step would remove", "Let the host block name another user first, who can become root.")
		case is("locked", "true"):
			return w.refusal("rcprov is logged in as "+name+", whose account this step would lock", "Let the host block name another user first, who can become root.")
		case c.Property == "shell" && slices.Contains(noShells, path.Base(shell)):
			return w.refusal(fmt.Sprintf("rcprov is logged in as %s, who could run nothing with the shell %s", name, shell),
				"Let the host block name another user first, who can become root.")
		}
	case modules.KindPackage:
		switch {
		case !absent:
		case slices.Contains(sshdPackages, name):
			return w.refusal("rcprov gets in through sshd, which goes with the package "+name, "Manage the host through another connection first, or leave the package.")
		case slices.Contains(sudoPackages, name) && w.UID != 0:
			return w.refusal(fmt.Sprintf("rcprov is logged in as %s and becomes root by sudo, which goes with the package %s", w.User, name),
				"Let the host block log in as root first (`user = \"root\"`), or leave the package.")
		}
	case modules.KindUnit:
		listens := name == "ssh.socket" == w.Socket && slices.Contains(units, name)
		switch {
		case is("masked", "true") && listens, is("masked", "true") && name == "ssh.service":
			return w.refusal("nobody could log in while "+name+" is masked", "Leave the unit, or change its port and addresses with an `sshd` step.")
		case (is("running", "false") || is("enabled", "false")) && listens:
			return w.refusal(fmt.Sprintf("nobody could log in without %s, by which sshd listens", name), "Leave the unit, or change its port and addresses with an `sshd` step.")
		}
	case modules.KindPath:
		if absent && (name == w.Home || modules.IsBelow(w.Home, name)) {
			return w.refusal(fmt.Sprintf("the home of %s, as whom rcprov is logged in, would go with %s", w.User, name),
				"Let the host block name another user first, who can become root.")
		}
	}
	return nil
}

// ErrShutOut is in the errors of steps that would certainly shut rcprov out.
var ErrShutOut = errors.New("this would shut rcprov out")

func (w Way) refusal(why, hint string) error {
	return modules.WithHint(fmt.Errorf("%w: %s", ErrShutOut, why), "%s", hint)
}

// add adds what is claimed if the way in stands on it.
func (w Way) add(d *Danger, c modules.Claim) {
	name := c.Thing.Name
	switch c.Thing.Kind {
	case modules.KindUser:
		if name == w.User && c.Property != "" && c.Property != "comment" {
			d.thing(c.Thing)
			d.save(accountFiles...)
		}
	case modules.KindGroup:
		if slices.Contains(w.Groups, name) {
			d.thing(c.Thing)
			d.save(accountFiles...)
		}
	case modules.KindKeys:
		if name == w.User || slices.Contains(w.KeyFiles, name) {
			d.thing(modules.Thing{Kind: "the keys of", Name: w.User})
			w.addKeys(d)
		}
	case modules.KindPath:
		w.addPath(d, c)
	}
}

func (w Way) addPath(d *Danger, c modules.Claim) {
	p := c.Thing.Name
	above := isAbove(p) || p == w.Home || modules.IsBelow(w.Home, p) ||
		slices.ContainsFunc(w.KeyFiles, func(f string) bool { return p == path.Dir(f) || modules.IsBelow(f, p) })
	switch {
	case slices.Contains(w.KeyFiles, p):
		d.thing(c.Thing)
		w.addKeys(d)
	case ofSystem(p):
		d.thing(c.Thing)
		d.save(p)
		d.sshd = d.sshd || p == "/etc/ssh" || modules.IsBelow(p, "/etc/ssh")
	case above && c.Property == "" && c.Value == modules.Absent: // sshd's directory, say; a home is refused
		d.thing(c.Thing)
		d.save(p)
		w.addKeys(d)
	case above && slices.Contains([]string{"mode", "owner", "group"}, c.Property):
		d.thing(c.Thing)
		w.addKeys(d)
		if !modules.IsBelow(p, w.Home) && !slices.Contains(d.rights, p) {
			d.rights = append(d.rights, p)
		}
	}
}

// addKeys saves the files of the user's keys, with the user's rights where they are in its home.
func (w Way) addKeys(d *Danger) {
	for _, f := range w.KeyFiles {
		if !modules.IsBelow(f, w.Home) || w.UID == 0 {
			d.save(f)
			continue
		}
		if own := (deadman.Own{UID: w.UID, GID: w.GID, Path: f}); !slices.Contains(d.own, own) {
			d.own = append(d.own, own)
		}
	}
}

func (d *Danger) thing(t modules.Thing) {
	if text := t.String(); !slices.Contains(d.Things, text) {
		d.Things = append(d.Things, text)
	}
}

func (d *Danger) save(files ...string) {
	for _, f := range files {
		if !slices.Contains(d.files, f) {
			d.files = append(d.files, f)
		}
	}
}

// None reports whether there is no danger.
func (d Danger) None() bool { return len(d.Things) == 0 }

const switchName = "way-in"

// undecided answers whether a change that some run made has not been confirmed or taken back yet.
var undecided = &observe.Kind[struct{}, bool]{
	Name:   "way in undecided",
	Script: func([]struct{}) string { return deadman.Ask(switchName) },
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[bool] {
		var a observe.Answer[bool]
		for _, line := range reply.Lines() {
			if state, ok := deadman.ParseLine(line); ok {
				a.Value = state.Undecided()
			}
		}
		return map[struct{}]observe.Answer[bool]{{}: a}
	},
}

// AskUndecided asks what [Undecided] reports. It costs no program.
func AskUndecided(q *observe.Query) { undecided.Ask(q, struct{}{}) }

// Undecided reports whether a change of the way in was found that is not confirmed yet; not if nobody asked.
func Undecided(s *observe.Snapshot) bool {
	is, err := undecided.Get(s, struct{}{})
	return err == nil && is
}

// reloadSSHD makes a running sshd read its configuration again; it never stops one.
const reloadSSHD = `
sshd=$(PATH=$PATH:/usr/sbin command -v sshd)
mkdir -p /run/sshd # a host where systemd listens may not have it yet
"$sshd" -t
for unit in ssh.service sshd.service; do
	if systemctl --quiet is-active "$unit"; then systemctl reload "$unit"; break; fi
done
`

// Guard makes a dangerous change, which work does, under a dead man's switch: see [deadman.Guard].
func (d Danger) Guard(ctx context.Context, h modules.Host, work func(context.Context) error) error {
	s := deadman.Switch{
		Name: switchName, Files: d.files, Rights: d.rights, Own: d.own, Save: ":", Reload: "systemctl daemon-reload",
		Hint: fmt.Sprintf("Look at what the step does to %s.", strings.Join(d.Things, ", ")),
	}
	if d.sshd {
		s.Reload += "\n" + reloadSSHD
	}
	return deadman.Guard(ctx, h, s, func(ctx context.Context) error {
		if err := work(ctx); err != nil || !d.sshd {
			return err
		}
		// sshd would meet what was written at its next reload or boot, when nobody could take it back.
		if _, err := h.Run(ctx, modules.Command{Script: "set -eu\n" + reloadSSHD}); err != nil {
			return modules.WithHint(fmt.Errorf("sshd refuses its configuration after this step: %w (%w)", err, deadman.ErrTakeBack),
				"Correct the content, or use an `sshd` step, which tests it before it is live.")
		}
		return nil
	})
}
