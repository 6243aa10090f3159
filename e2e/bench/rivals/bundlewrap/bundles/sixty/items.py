# sixty.hcl as a bundle. What BundleWrap has no item for (lines, kernel parameters, ufw) are actions with `unless`.

settings = "".join(f"setting_{n} = value {n}\n" for n in range(30))

pkg_apt = {
    "tree": {},
    "less": {},
    "rsync": {},
    "ufw": {},
    "cron": {},
    "telnetd": {"installed": False},
}

groups = {
    "bench": {},
    "readers": {},
}
users = {
    f"bench-{name}": {"gid": "bench", "groups": {"readers"}, "shell": "/bin/bash", "home": f"/home/bench-{name}"}
    for name in ["ann", "bob", "cid"]
}

directories = {
    path: {"owner": "root", "group": "bench", "mode": "0750"}
    for path in ["/srv/bench", "/srv/bench/conf", "/srv/bench/data", "/srv/bench/log", "/srv/bench/run"]
}
files = {}
symlinks = {}
svc_systemd = {"cron.service": {"needs": {"pkg_apt:cron"}}}
actions = {
    "daemon-reload": {"command": "systemctl daemon-reload", "triggered": True},
    "marker": {
        "command": "touch /srv/bench/data/marker",
        "unless": "test -e /srv/bench/data/marker",
        "needs": {"directory:/srv/bench/data"},
    },
    "firewall": {
        "command": "ufw default deny incoming && ufw --force enable",
        "unless": "s=$(ufw status verbose) && echo \"$s\" | grep -q '^Status: active' && echo \"$s\" | grep -q 'deny (incoming)'",
        "needs": {"action:rule-22", "action:rule-80,443"},
    },
}

for name in ["ann", "bob"]:
    home = f"/home/bench-{name}"
    directories[f"{home}/.ssh"] = {"owner": f"bench-{name}", "group": "bench", "mode": "0700"}
    files[f"{home}/.ssh/authorized_keys"] = {
        "content": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB2wkMEuh6YBKmUOnDwr6Rkl5bnHcmmHpJKO5kcVJ4Qh {name}\n",
        "owner": f"bench-{name}",
        "group": "bench",
        "mode": "0600",
    }
for name in (f"{n:02}" for n in range(25)):
    files[f"/srv/bench/conf/{name}.conf"] = {
        "content": f"# file {name}\n{settings}",
        "owner": "root",
        "group": "bench",
        "mode": "0640",
    }
for name in ["00", "01", "02"]:
    symlinks[f"/srv/bench/run/{name}"] = {"target": f"../conf/{name}.conf", "group": "root"}

for key, value in {"UMASK": "027", "PASS_MAX_DAYS": "365", "LOGIN_RETRIES": "4"}.items():
    actions[f"login-{key}"] = {
        "command": f"sed -i '/^#\\?{key}\\s/d' /etc/login.defs && echo '{key} {value}' >>/etc/login.defs",
        "unless": f"grep -qx '{key} {value}' /etc/login.defs",
    }
for ip, name in {"192.0.2.11": "db1", "192.0.2.12": "db2"}.items():
    actions[f"peer-{name}"] = {
        "command": f"sed -i '/^{ip}\\s/d' /etc/hosts && printf '{ip}\\t{name}\\n' >>/etc/hosts",
        "unless": f"grep -qE '^{ip}\\s+{name}$' /etc/hosts",
    }
for key, value in {
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.ip_local_port_range": "20000 60000",
}.items():
    path = f"/etc/sysctl.d/99-zz-bw-{key}.conf"
    files[path] = {"content": f"{key} = {value}\n", "mode": "0644"}
    actions[f"sysctl-{key}"] = {
        "command": f"sysctl -qp {path}",
        "unless": f"test \"$(sysctl -n {key} | tr '\\t' ' ')\" = '{value}'",
        "needs": {f"file:{path}"},
    }
for rule in ["22", "80,443"]:
    actions[f"rule-{rule}"] = {
        "command": f"ufw allow {rule}/tcp",
        "unless": f"ufw status | grep -q '^{rule}/tcp .*ALLOW'",
        "needs": {"pkg_apt:ufw"},
    }

for name in ["00", "01", "02", "03"]:
    unit = f"bench-{name}.service"
    files[f"/etc/systemd/system/{unit}"] = {
        "content": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
        "mode": "0644",
        "triggers": {"action:daemon-reload", f"svc_systemd:{unit}:restart"},
    }
    files[f"/srv/bench/conf/{name}.conf"]["triggers"] = {f"svc_systemd:{unit}:restart"}
    svc_systemd[unit] = {"needs": {f"file:/etc/systemd/system/{unit}", "action:daemon-reload"}}
