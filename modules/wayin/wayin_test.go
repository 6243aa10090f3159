package wayin

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
)

var ubuntu = Way{
	User: "ubuntu", UID: 1000, GID: 1000, Home: "/home/ubuntu", Groups: []string{"ubuntu", "sudo"},
	KeyFiles: []string{"/home/ubuntu/.ssh/authorized_keys"},
}

func claim(kind modules.Kind, name, property string, value any) modules.Claim {
	text, _ := value.(string)
	return modules.Claim{Thing: modules.Thing{Kind: kind, Name: name}, Property: property, Value: value, Text: text}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := parse([]string{
		"user ubuntu", "passwd ubuntu:x:1000:1001:Ubuntu:/home/ubuntu:/bin/bash", "groups ubuntu sudo", "socket",
		"keys .ssh/authorized_keys /etc/ssh/keys/%u none %h/x%%",
	})
	want := Way{
		User: "ubuntu", UID: 1000, GID: 1001, Home: "/home/ubuntu", Groups: []string{"ubuntu", "sudo"}, Socket: true,
		KeyFiles: []string{"/home/ubuntu/.ssh/authorized_keys", "/etc/ssh/keys/ubuntu", "/home/ubuntu/x%"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := parse(nil); err != nil || got.User != "" {
		t.Errorf("no login: %+v, %v", got, err)
	}
	if _, err := parse([]string{"user ghost", "passwd "}); err == nil || err.Error() != `the host doesn't know the user "ghost" that is logged in` {
		t.Errorf("unknown user: %v", err)
	}
	got, _ = parse([]string{"user root", "passwd root:x:0:0:root:/root:/bin/bash"})
	if want := []string{"/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2"}; !slices.Equal(got.KeyFiles, want) {
		t.Errorf("without sshd -T: %q", got.KeyFiles)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	root, socket := ubuntu, ubuntu
	root.User, root.UID, root.Home = "root", 0, "/root"
	socket.Socket = true
	for name, c := range map[string]struct {
		way   Way
		claim modules.Claim
		want  string // empty: it is not refused
	}{
		"the user is removed":     {ubuntu, claim(modules.KindUser, "ubuntu", "", modules.Absent), "rcprov is logged in as ubuntu, whom this step would remove"},
		"another one is":          {ubuntu, claim(modules.KindUser, "alice", "", modules.Absent), ""},
		"the user is locked":      {ubuntu, claim(modules.KindUser, "ubuntu", "locked", "true"), "rcprov is logged in as ubuntu, whose account this step would lock"},
		"unlocked":                {ubuntu, claim(modules.KindUser, "ubuntu", "locked", "false"), ""},
		"no shell":                {ubuntu, claim(modules.KindUser, "ubuntu", "shell", "/usr/sbin/nologin"), "who could run nothing with the shell /usr/sbin/nologin"},
		"another shell":           {ubuntu, claim(modules.KindUser, "ubuntu", "shell", "/bin/zsh"), ""},
		"no sudo":                 {ubuntu, claim(modules.KindPackage, "sudo", "", modules.Absent), "becomes root by sudo, which goes with the package sudo"},
		"no sudo for root":        {root, claim(modules.KindPackage, "sudo", "", modules.Absent), ""},
		"no sshd":                 {root, claim(modules.KindPackage, "openssh-server", "", modules.Absent), "rcprov gets in through sshd"},
		"sshd":                    {root, claim(modules.KindPackage, "openssh-server", "", "installed"), ""},
		"sshd stopped":            {ubuntu, claim(modules.KindUnit, "ssh.service", "running", "false"), "nobody could log in without ssh.service"},
		"sshd behind systemd":     {socket, claim(modules.KindUnit, "ssh.service", "running", "false"), ""},
		"sshd disabled":           {ubuntu, claim(modules.KindUnit, "ssh.service", "enabled", "false"), "nobody could log in without ssh.service"},
		"its socket is":           {socket, claim(modules.KindUnit, "ssh.socket", "enabled", "false"), "nobody could log in without ssh.socket"},
		"a socket not in use":     {ubuntu, claim(modules.KindUnit, "ssh.socket", "enabled", "false"), ""},
		"sshd masked":             {socket, claim(modules.KindUnit, "ssh.service", "masked", "true"), "nobody could log in while ssh.service is masked"},
		"another unit":            {ubuntu, claim(modules.KindUnit, "nginx.service", "running", "false"), ""},
		"the home":                {ubuntu, claim(modules.KindPath, "/home/ubuntu", "", modules.Absent), "the home of ubuntu, as whom rcprov is logged in, would go with /home/ubuntu"},
		"all homes":               {ubuntu, claim(modules.KindPath, "/home", "", modules.Absent), "would go with /home"},
		"another home":            {ubuntu, claim(modules.KindPath, "/home/alice", "", modules.Absent), ""},
		"a machine without login": {Way{}, claim(modules.KindUser, "ubuntu", "", modules.Absent), ""},
	} {
		_, err := c.way.Danger([]modules.Claim{c.claim})
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrShutOut) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && !MayTouch([]modules.Claim{c.claim}) {
			t.Errorf("%s: nobody would ask", name)
		}
	}
}

func TestDanger(t *testing.T) {
	t.Parallel()
	keys := []deadman.Own{{UID: 1000, GID: 1000, Path: "/home/ubuntu/.ssh/authorized_keys"}}
	for name, c := range map[string]struct {
		claim modules.Claim
		want  Danger
	}{
		"groups of the user": {claim(modules.KindUser, "ubuntu", "groups", "x"), Danger{Things: []string{"user ubuntu"}, files: accountFiles}},
		"its real name":      {claim(modules.KindUser, "ubuntu", "comment", "x"), Danger{}},
		"another user":       {claim(modules.KindUser, "alice", "groups", "x"), Danger{}},
		"one of its groups":  {claim(modules.KindGroup, "sudo", "", modules.Absent), Danger{Things: []string{"group sudo"}, files: accountFiles}},
		"another group":      {claim(modules.KindGroup, "docker", "", modules.Absent), Danger{}},
		"its keys":           {claim(modules.KindKeys, "ubuntu", "keys", "x"), Danger{Things: []string{"the keys of ubuntu"}, own: keys}},
		"their file":         {claim(modules.KindPath, "/home/ubuntu/.ssh/authorized_keys", "content", "x"), Danger{Things: []string{"/home/ubuntu/.ssh/authorized_keys"}, own: keys}},
		"its directory": {
			claim(modules.KindPath, "/home/ubuntu/.ssh", "mode", "0777"),
			Danger{Things: []string{"/home/ubuntu/.ssh"}, own: keys},
		},
		"the home": {
			claim(modules.KindPath, "/home/ubuntu", "mode", "0777"),
			Danger{Things: []string{"/home/ubuntu"}, own: keys, rights: []string{"/home/ubuntu"}},
		},
		"what else is in the home": {claim(modules.KindPath, "/home/ubuntu/x", "mode", "0777"), Danger{}},
		"a directory above":        {claim(modules.KindPath, "/etc", "mode", "0700"), Danger{Things: []string{"/etc"}, own: keys, rights: []string{"/etc"}}},
		"a sudoers file":           {claim(modules.KindPath, "/etc/sudoers.d/ops", "", modules.Absent), Danger{Things: []string{"/etc/sudoers.d/ops"}, files: []string{"/etc/sudoers.d/ops"}}},
		"PAM":                      {claim(modules.KindPath, "/etc/pam.d/sshd", "content", "x"), Danger{Things: []string{"/etc/pam.d/sshd"}, files: []string{"/etc/pam.d/sshd"}}},
		"sshd's files":             {claim(modules.KindPath, "/etc/ssh/sshd_config", "content", "x"), Danger{Things: []string{"/etc/ssh/sshd_config"}, files: []string{"/etc/ssh/sshd_config"}, sshd: true}},
		"other files":              {claim(modules.KindPath, "/etc/sshx", "content", "x"), Danger{}},
		"a running sshd":           {claim(modules.KindUnit, "ssh.service", "running", "true"), Danger{}},
	} {
		got, err := ubuntu.Danger([]modules.Claim{c.claim})
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(Danger{})); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if !got.None() && !MayTouch([]modules.Claim{c.claim}) {
			t.Errorf("%s: nobody would ask", name)
		}
	}
}
