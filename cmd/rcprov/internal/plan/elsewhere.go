package plan

// ElsewhereCalled says what here does the work of a module of that name in Ansible, pyinfra or BundleWrap, in words that continue
// "that is".
func ElsewhereCalled(name string) (ours string, ok bool) {
	ours, ok = elsewhere[name]
	return ours, ok
}

var elsewhere = map[string]string{
	"apt":             "`apt_package`",
	"package":         "`apt_package`",
	"pkg_apt":         "`apt_package`",
	"apt_key":         "`apt_repository`, which has the key's fingerprint",
	"apt_repo":        "`apt_repository`",
	"deb822":          "`apt_repository`",
	"authorized_keys": "`authorized_key`",
	"blockinfile":     "`line`, or a `file` of its own in a directory such as conf.d",
	"lineinfile":      "`line`",
	"replace":         "`line`",
	"copy":            "`file`",
	"template":        "`file` with the argument template",
	"put":             "`file`",
	"symlink":         "`link`",
	"get_url":         "`download`",
	"unarchive":       "`archive`",
	"cron":            "`systemd_unit` with a timer",
	"crontab":         "`systemd_unit` with a timer",
	"service":         "`systemd_unit`",
	"systemd":         "`systemd_unit`",
	"svc_systemd":     "`systemd_unit`",
	"handlers":        "restart_on and reload_on of `systemd_unit`",
	"shell":           "`command` with the argument shell",
	"raw":             "`command`",
	"script":          "`command`",
	"action":          "`command`",
	"hosts":           "`hosts_entry`",
	"iptables":        "`ufw`",
	"firewalld":       "`ufw`",
	"uri":             "`http_check`",
	"wait_for":        "`check` or `http_check`",
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
