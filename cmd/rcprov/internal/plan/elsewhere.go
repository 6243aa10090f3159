package plan

import (
	"fmt"
	"strings"
)

// ElsewhereCalled says what here does the work of a module, a block or an argument of that name in Ansible, Terraform, pyinfra or
// BundleWrap, in words that continue "that is". Ansible's names may be whole: "ansible.builtin.copy".
func ElsewhereCalled(name string) (ours string, ok bool) {
	if collection, short, whole := cutLast(name, "."); whole && strings.Count(collection, ".") == 1 {
		if ours, ok := elsewhere[short]; ok {
			return ours, true
		}
		return fmt.Sprintf("`%s`", short), moduleOfBoth[short]
	}
	if ours, ok = elsewhere[name]; !ok {
		ours, ok = keywordsElsewhere[name]
	}
	return ours, ok
}

// instead is the hint about a word that isn't known here: what other tools mean by it, or else what was probably meant.
func instead(given string, known []string, list string) string {
	if ours, ok := ElsewhereCalled(given); ok {
		return "Here that is " + ours + "."
	}
	return didYouMean(given, known, list)
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// moduleOfBoth are modules that have the same name in Ansible.
var moduleOfBoth = map[string]bool{
	"apt_repository": true, "authorized_key": true, "command": true, "cron": true, "debconf": true, "file": true, "git": true, "group": true,
	"hostname": true, "mount": true, "reboot": true, "sysctl": true, "timezone": true, "ufw": true, "user": true,
}

// elsewhere are modules.
var elsewhere = map[string]string{
	"apt":             "`apt_package`",
	"package":         "`apt_package`",
	"pkg_apt":         "`apt_package`",
	"apt_key":         "`apt_repository`, which has the key's fingerprint",
	"apt_repo":        "`apt_repository`",
	"deb822":          "`apt_repository`",
	"authorized_keys": "`authorized_key`",
	"blockinfile":     "`block`, or a `file` of its own in a directory such as conf.d",
	"lineinfile":      "`line`",
	"replace":         "`line`",
	"copy":            "`file`",
	"template":        "`file` with the argument template",
	"put":             "`file`",
	"symlink":         "`link`",
	"synchronize":     "`tree`",
	"get_url":         "`download`",
	"unarchive":       "`archive`",
	"crontab":         "`cron`, or `systemd_unit` with a timer",
	"service":         "`systemd_unit`",
	"systemd":         "`systemd_unit`",
	"svc_systemd":     "`systemd_unit`",
	"handlers":        "restart_on and reload_on of `systemd_unit`",
	"shell":           "`command` with the argument shell",
	"raw":             "`command`",
	"script":          "`command`",
	"action":          "`command`",
	"known_hosts":     "`known_host`",
	"hosts":           "`hosts_entry`",
	"set_hostname":    "`hostname`",
	"host_name":       "`hostname`",
	"time_zone":       "`timezone`",
	"pause":           "`approval`",
	"locale_gen":      "`locale`",
	"swapfile":        "`swap`",
	"mounts":          "`mount`",
	"fstab":           "`mount`",
	"iptables":        "`ufw`",
	"firewalld":       "`ufw`",
	"uri":             "`http_check`",
	"wait_for":        "`tcp_check`, `http_check` or `check`",
	"stat":            "`check`",
	"setup":           "facts in expressions; `rcprov facts PLAN HOST` shows them",
	"include_tasks":   "`include`",
	"include_role":    "`include`",
	"import_tasks":    "`include`",
	"import_role":     "`include`",
	"import_playbook": "`include` outside of plays",
	"role":            "`include`",
	"roles":           "`include`",
	"mongodb":         "`mongod` and `mongo_replica_set`",
	"letsencrypt":     "`acme_certificate`",
	"certbot":         "`acme_certificate`",
	"nodejs":          "`node`",
}

// keywordsElsewhere are words for plays and tasks, of Ansible, and blocks of Terraform.
var keywordsElsewhere = map[string]string{
	"playbook":      "a plan",
	"inventory":     "blocks `host` and `group`",
	"tasks":         "the blocks of a play, in the order of the file",
	"pre_tasks":     "the blocks of a play, in the order of the file",
	"post_tasks":    "the blocks of a play, in the order of the file",
	"notify":        "restart_on and reload_on of `systemd_unit`",
	"become":        "left out: rcprov becomes root by itself, and `become` of a host block changes that",
	"become_user":   "user of `command` and `check`, and owner of files",
	"gather_facts":  "left out: facts are asked for where expressions use them",
	"register":      "`query`",
	"set_fact":      "`locals`",
	"vars_files":    "-var-file, on the command line",
	"vars_prompt":   "-var or -var-file, on the command line",
	"loop":          "`for_each`",
	"with_items":    "`for_each`",
	"with_dict":     "`for_each`",
	"until":         "`retries`, or deadline of `check`",
	"delegate_to":   "a play of its own for that host",
	"local_action":  "a play of its own, for a host whose connection is local",
	"debug":         "`output`",
	"assert":        "`validation` of a variable",
	"fail":          "`validation` of a variable",
	"ignore_errors": "left out: a step that fails ends the run on its host",
	"failed_when":   "left out: a step that fails ends the run on its host",
	"no_log":        "a variable that is sensitive, and all that is made from it",
	"environment":   "env of `command` and `check`",
	"async":         "left out: what takes long runs as a job of the host, also when the connection breaks",
	"poll":          "left out: what takes long runs as a job of the host, also when the connection breaks",
	"ping":          "`rcprov run PLAN all -- true`",
	"resource":      "a step: a block of a module, in a play",
	"module":        "`include`",
	"data":          "`query`, or facts in expressions",
	"provider":      "left out: all modules are in rcprov",
	"terraform":     "left out: there is no state file, and all modules are in rcprov",
	"count":         "`for_each`",
	"provisioner":   "a step of its own, below",
}
