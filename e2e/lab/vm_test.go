package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/moduletest"
)

// Multipass and Vagrant need virtual machines, so only their command lines and replies are tested here.

// recorder stands for the programs of this machine: it fails on what it was not told.
type recorder struct {
	t       *testing.T
	replies map[string]string // by command line
	calls   []string
	stdin   []string
}

func (r *recorder) run(_ context.Context, stdin, name string, args ...string) (string, error) {
	call := strings.Join(append([]string{name}, args...), " ")
	r.calls, r.stdin = append(r.calls, call), append(r.stdin, stdin)
	reply, known := r.replies[call]
	if !known {
		r.t.Errorf("unexpected call: %s", call)
		return "", errors.New("unexpected call")
	}
	if text, failed := strings.CutPrefix(reply, "error: "); failed {
		return "", errors.New(text)
	}
	return reply, nil
}

// A reply for a running instance, in the form that Multipass 1.15 documents.
const multipassInfo = `{
    "errors": [],
    "info": {
        "rcprov-web": {
            "cpu_count": "1",
            "disks": {"sda1": {"total": "8168488960", "used": "1890504704"}},
            "image_hash": "2b5f90ffe8180def601c021c874e55d8303e8bcbfc66fee2b94414f43ac5eb1f",
            "image_release": "24.04 LTS",
            "ipv4": ["10.218.69.109", "172.17.0.1"],
            "load": [0.1, 0.05, 0.01],
            "memory": {"total": 979988480, "used": 178229248},
            "mounts": {},
            "release": "Ubuntu 24.04.1 LTS",
            "snapshot_count": "0",
            "state": "Running"
        }
    }
}`

func TestParseMultipassInfo(t *testing.T) {
	for _, test := range []struct{ name, reply, address, err string }{
		{"running", multipassInfo, "10.218.69.109", ""},
		{"starting", `{"errors":[],"info":{"rcprov-web":{"ipv4":[],"state":"Starting"}}}`, "", "multipass info: rcprov-web is Starting and has no address"},
		{"absent", `{"errors":["instance \"rcprov-web\" does not exist"],"info":{}}`, "", `multipass info: no rcprov-web (instance "rcprov-web" does not exist)`},
		{"no JSON", "", "", "multipass info: unexpected end of JSON input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, err := parseMultipassInfo([]byte(test.reply), "rcprov-web")
			if got := moduletest.ErrorText(err); address != test.address || got != test.err {
				t.Errorf("got %q, %q; want %q, %q", address, got, test.address, test.err)
			}
		})
	}
}

func TestMultipassCommands(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{t: t, replies: map[string]string{
		"multipass launch 24.04 --name rcprov-web --cpus 1 --memory 1G --disk 8G --timeout 600 --cloud-init -": "Launched: rcprov-web\n",
		"multipass info rcprov-web --format json":                                                              `{"errors":[],"info":{"rcprov-web":{"ipv4":[],"state":"Running"}}}`,
		"multipass delete --purge rcprov-web":                                                                  "",
	}}
	m := &multipass{config: Config{Dir: dir}, run: r.run}
	_, err := m.Launch(t.Context(), Spec{Name: "web", Image: "ubuntu-24.04"})
	if want := "launch host web: multipass info: rcprov-web is Running and has no address"; moduletest.ErrorText(err) != want {
		t.Errorf("Launch: got %q; want %q", moduletest.ErrorText(err), want)
	}
	want := []string{
		"multipass launch 24.04 --name rcprov-web --cpus 1 --memory 1G --disk 8G --timeout 600 --cloud-init -",
		"multipass info rcprov-web --format json",
		"multipass info rcprov-web --format json",
		"multipass delete --purge rcprov-web",
	}
	if diff := cmp.Diff(want, r.calls); diff != "" {
		t.Errorf("commands of a launch that failed (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(r.stdin[0], "#cloud-config\n") || !strings.Contains(r.stdin[0], "    -----BEGIN OPENSSH PRIVATE KEY-----\n") {
		t.Errorf("cloud-config:\n%s", r.stdin[0])
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "vms")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A reply of Vagrant 2.4 with VirtualBox, as its users show it.
const vagrantSSHConfig = `Host web
  HostName 127.0.0.1
  User vagrant
  Port 2222
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile /home/me/.cache/rcprov-lab/vms/web/.vagrant/machines/web/virtualbox/private_key
  IdentitiesOnly yes
  LogLevel FATAL
  PubkeyAcceptedKeyTypes +ssh-rsa
  HostKeyAlgorithms +ssh-rsa

`

func TestParseVagrantSSHConfig(t *testing.T) {
	for _, test := range []struct {
		name, reply, host, address string
		port                       int
		err                        string
	}{
		{"running", vagrantSSHConfig, "web", "127.0.0.1", 2222, ""},
		{"another host", vagrantSSHConfig, "db", "", 0, "vagrant ssh-config: no HostName for db in "},
		{"nothing", "", "web", "", 0, `vagrant ssh-config: no HostName for web in ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, port, err := parseVagrantSSHConfig([]byte(test.reply), test.host)
			if address != test.address || port != test.port || !strings.HasPrefix(moduletest.ErrorText(err), test.err) || (err != nil) != (test.err != "") {
				t.Errorf("got %q, %d, %q", address, port, moduletest.ErrorText(err))
			}
		})
	}
}

func TestVagrantCommands(t *testing.T) {
	dir := t.TempDir()
	cwd := "env VAGRANT_CWD=" + filepath.Join(dir, "vms", "web") + " vagrant --no-color "
	r := &recorder{t: t, replies: map[string]string{
		cwd + "up":              "error: no provider",
		cwd + "destroy --force": "",
	}}
	v := &vagrant{config: Config{Dir: dir}, run: r.run}
	_, err := v.Launch(t.Context(), Spec{Name: "web", Image: "ubuntu-22.04"})
	if want := "launch host web: no provider"; moduletest.ErrorText(err) != want {
		t.Errorf("Launch: got %q; want %q", moduletest.ErrorText(err), want)
	}
	if diff := cmp.Diff([]string{cwd + "up", cwd + "destroy --force"}, r.calls); diff != "" {
		t.Errorf("commands of a launch that failed (-want +got):\n%s", diff)
	}
}

func TestVagrantfile(t *testing.T) {
	want := `Vagrant.configure("2") do |config|
  config.vm.define "web" do |host|
    host.vm.box = "bento/ubuntu-24.04"
    host.vm.hostname = "web"
    host.vm.synced_folder ".", "/vagrant", disabled: true
    host.vm.provision "shell", path: "provision.sh"
  end
end
`
	if diff := cmp.Diff(want, vagrantfile(Spec{Name: "web", Image: "ubuntu-24.04"})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A machine of a process that has ended is removed, one of a living process and a kept one are not.
func TestCleanRemovesAbandonedMachines(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{t: t, replies: map[string]string{
		"multipass info rcprov-dead --format json": "error: instance does not exist",
	}}
	m := &multipass{config: Config{Dir: dir}, run: r.run}
	var ids []*identity
	for _, spec := range []Spec{{Name: "kept", Keep: true}, {Name: "alive"}, {Name: "dead"}} {
		id, err := newIdentity(dir, spec)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	ids[2].owner.release() // as the kernel does when the process ends
	if err := m.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, err := os.ReadDir(filepath.Join(dir, "vms"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{"alive", "kept"}, left); diff != "" {
		t.Errorf("hosts left (-want +got):\n%s", diff)
	}
}
