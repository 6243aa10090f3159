package sshd

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	modules.Progress(ctx, "sshd -t")
	session, err := s.currentSession(ctx, h)
	if err != nil {
		return err
	}
	if err := s.test(ctx, h, session); err != nil {
		return err
	}
	modules.Progress(ctx, "changing sshd")
	w, _ := c.Work.(work)
	result, err := deadman.Change(ctx, h, s.change(w, session))
	return explain(err, result)
}

//go:embed test.sh
var testScript string

// test has sshd test the new configuration, before anything is changed.
func (s *Step) test(ctx context.Context, h modules.Host, session observe.SessionInfo) error {
	vars := shell.Vars{"name": path.Base(dropIn), "user": "", "client": "", "port": ""}
	noPasswords, what := s.noPasswords(session.User)
	if session.SSH() && noPasswords {
		vars["user"], vars["client"], vars["port"] = session.User, session.Client.Addr().String(), fmt.Sprint(session.Client.Port())
	}
	result, err := h.Run(ctx, modules.Command{Script: shell.Script(testScript, vars), Stdin: s.file.Content})
	if result.Status == 3 {
		return modules.WithHint(fmt.Errorf("sshd refuses the new configuration: %s", strings.TrimSpace(string(result.Stderr))),
			"Correct that, then run the same command again.")
	}
	if err != nil {
		return fmt.Errorf("test the new configuration of sshd: %w", err)
	}
	if how := strings.TrimSpace(string(result.Stdout)); how == "password" || how == "keyboard-interactive" && s.value("KbdInteractiveAuthentication") != "yes" {
		return modules.WithHint(fmt.Errorf("%s would lock out rcprov, which logged in as %s with a password", what, session.User),
			"Let %[1]s log in with a key first (an `authorized_key` step), then give the host block `identity_file` (or use an agent) instead of `password`.", session.User)
	}
	return nil
}

// noPasswords reports whether the plan keeps user from logging in with a password, and which argument does.
func (s *Step) noPasswords(user string) (off bool, what string) {
	switch {
	case s.value("PasswordAuthentication") == "no":
		return true, "password_authentication = false"
	case user == "root" && s.value("PermitRootLogin") == "prohibit-password":
		return true, "permit_root_login = \"prohibit-password\""
	}
	return false, ""
}

// currentSession returns the SSH connection in use.
func (s *Step) currentSession(ctx context.Context, h modules.Host) (observe.SessionInfo, error) {
	result, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-c", observe.Session.Script([]struct{}{{}})}})
	if err != nil {
		return observe.SessionInfo{}, err
	}
	answer := observe.Session.Parse([]struct{}{{}}, observe.Reply{Stdout: result.Stdout})[struct{}{}]
	return answer.Value, answer.Err
}

var (
	//go:embed follow.sh
	followFunctions string
	//go:embed listen.sh
	listenFunctions string
)

// saveScript saves what restoreScript can't see in the files.
const saveScript = `
for unit in ssh.service ssh.socket; do
	if systemctl is-active -q "$unit"; then : >"was-$unit"; fi
done
`

// restoreScript makes sshd listen as the previous files say. An sshd that could not listen anywhere has ended; it is started
// again.
var restoreScript = followFunctions + `
if [ -e was-ssh.socket ]; then
	follow_socket
elif [ -e was-ssh.service ]; then
	follow_service reload-or-restart
fi
`

// change returns the change with the way back.
func (s *Step) change(w work, session observe.SessionInfo) deadman.Switch {
	var b strings.Builder
	b.WriteString(deadman.Put + followFunctions + listenFunctions + "began=$(date +%s)\n")
	if !w.dropIn.Empty() {
		b.WriteString("put " + shell.QuoteAll([]string{dropIn, string(s.file.Content)}) + "\n")
	}
	switch {
	case w.noSocket:
		b.WriteString("rm -f -- " + socketFile + "\nrmdir --ignore-fail-on-non-empty -- " + path.Dir(socketFile) + "\n")
	case !w.socketFile.Empty():
		b.WriteString("put " + shell.QuoteAll([]string{socketFile, string(s.socketDropIn().Content)}) + "\n")
	}
	verb := "try-reload-or-restart"
	if w.follow.unit == service && w.follow.how == restart {
		verb = "try-restart"
	}
	b.WriteString("/usr/sbin/sshd -t\nif systemctl is-active -q ssh.socket; then follow_socket; else follow_service " + verb + "; fi\n")
	awaited := s.Ports
	if awaited == nil && w.port == 0 && session.SSH() {
		awaited = []int{int(session.Server.Port())}
	}
	if awaited != nil {
		fmt.Fprintf(&b, "! systemctl is-active -q ssh.service ssh.socket || wait_for %s\n", strings.Trim(fmt.Sprint(awaited), "[]"))
	}
	hint := "Check what was changed: who may log in, from where and how (`journalctl -u ssh` on the host says why sshd refused)."
	if w.port != 0 {
		hint = fmt.Sprintf("Something may block connections to port %d: open it in the firewall before this block (a `ufw` block with rules for "+
			"the old and the new port), and in the provider's firewall as well.", w.port)
	}
	return deadman.Switch{
		Name: switchName, Files: []string{dropIn, socketFile}, Save: saveScript, Apply: b.String(), Reload: restoreScript,
		Port: w.port, Within: s.Within, Hint: hint,
	}
}

// explain returns the error for a change that failed on the host.
func explain(err error, result modules.Result) error {
	var failed *modules.CommandError
	var reverted *deadman.RevertedError
	if err == nil || errors.As(err, &reverted) || !errors.As(err, &failed) {
		return err
	}
	output := cmp.Or(strings.TrimSpace(string(result.Stderr)), strings.TrimSpace(string(result.Stdout)), failed.Error())
	text := strings.Replace(err.Error(), failed.Error(), strings.ReplaceAll(output, "\n", "\n  "), 1)
	hint := "Correct that, then run the same command again."
	var advised *modules.HintError
	if errors.As(err, &advised) {
		hint = advised.Hint
	}
	return modules.WithHint(fmt.Errorf("change sshd: %s", text), "%s", hint)
}
