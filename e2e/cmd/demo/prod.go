package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/rcprov/rcprov/e2e/mirror"
)

// prodImage is the lab's image in which its MongoDB runs.
const prodImage = "debian-12-wine"

// prodVars is what a person would write, with secrets of this demo alone.
func prodVars() string {
	var b strings.Builder
	b.WriteString(`address     = "demo"
domain      = "chat.lab.test"
meet_domain = "meet.lab.test"
email       = "you@lab.test"

`)
	for _, name := range []string{
		"admin_password", "mongo_key", "mongo_admin_password", "mongo_password", "meet_bridge_secret", "meet_focus_secret",
	} {
		fmt.Fprintf(&b, "%-20s = %q\n", name, rand.Text())
	}
	return b.String()
}

// prod shows plans/prod.hcl with the lab's mirror.
func prod(ctx context.Context, s stage) (err error) {
	say("The lab's own servers are started, in place of those of MongoDB, Node.js, Rocket.Chat, Jitsi and Let's Encrypt.\n" +
		"    What they give out is partly real and partly a stand-in: e2e/README.md. (The first time takes a minute or two.)")
	options, err := mirror.OptionsFromEnv()
	if err != nil {
		return err
	}
	m, err := mirror.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for _, name := range []string{"chat.lab.test", "meet.lab.test"} {
		m.ACME.Resolve(name, netip.MustParseAddr(s.host.Address))
	}
	all := m.Variables()
	maps.Copy(all, m.JitsiVariables())
	vars, sources, err := mirror.Split(all)
	if err != nil {
		return err
	}
	for name, value := range vars {
		s.laptop.Setenv("RCPROV_VAR_"+name, value)
	}
	named, err := s.laptop.WriteFile("sources.json", string(sources))
	if err != nil {
		return err
	}
	s.laptop.Setenv(mirror.SourcesEnv, named)
	mine := prodVars()
	path := filepath.Join(s.laptop.Home, "prod.hcl")
	if out, err := s.laptop.Command(ctx, "init", "prod", s.laptop.Home).CombinedOutput(); err != nil {
		return fmt.Errorf("rcprov init: %w\n%s", err, out)
	}
	file, err := s.laptop.WriteFile("prod.vars.hcl", mine)
	if err != nil {
		return err
	}
	config := "UserKnownHostsFile " + s.laptop.KnownHosts() + "\n" + strings.Replace(s.host.SSHConfig(), "Host "+s.host.Name, "Host demo", 1)
	if err := os.WriteFile(s.laptop.SSHConfig(), []byte(config), 0o600); err != nil {
		return err
	}
	say("The plan is plans/prod.hcl as `rcprov init prod` writes it. prod.vars.hcl is what a person adds to it: names, an address, passwords.")
	_, _ = io.WriteString(whole, mine)
	return s.play(ctx, prodActs(path, file))
}

func prodActs(path, file string) []act {
	with := func(command string) []string { return []string{command, path, "--var-file", file} }
	return []act{
		{say: "What would be done? (plan exits with 2: there is something to do)", args: with("plan"), exit: 2, lines: 7},
		{say: "Do it: firewall, database, chat, web server, certificates, video calls. (About a minute.)", args: with("apply"), lines: 4, brief: true},
		{say: "Again: there is nothing to do.", args: with("apply")},
		{say: "The host's own tools agree:", lines: 11, sh: `systemctl is-active mongod rocketchat-3000 nginx prosody jitsi-videobridge2
ufw status | grep ALLOW | grep -v v6
for name in chat meet; do
	curl -sk -o /dev/null -w "https://$name.lab.test/ %{http_code}\n" --resolve "$name.lab.test:443:127.0.0.1" "https://$name.lab.test/"
done`},
		{say: "Somebody works on the host by hand:", sh: `sed -i 's/bindIp: .*/bindIp: 0.0.0.0/' /etc/mongod.conf
systemctl stop rocketchat-3000
rm /etc/nginx/conf.d/chat.lab.test.conf
chmod 644 /etc/jitsi/videobridge/jvb.conf`},
		{say: "What is different now?", args: with("plan"), exit: 2, lines: 11},
		{say: "Repair exactly that.", args: with("apply"), lines: 8, brief: true},
		{say: "The host knows who did what:", args: []string{"history", path, "chat", "--var-file", file}, lines: 4},
	}
}
