"""sixty.hcl as a deploy of pyinfra."""

from io import StringIO

from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server, systemd
from pyinfra.operations.util import any_changed

settings = "".join(f"setting_{n} = value {n}\n" for n in range(30))

apt.packages(packages=["tree", "less", "rsync"])
apt.packages(packages=["ufw"])
apt.packages(packages=["cron"])
apt.packages(packages=["telnetd"], present=False)

server.group(group="bench")
server.group(group="readers")
for name in ["ann", "bob", "cid"]:
    server.user(user=f"bench-{name}", group="bench", groups=["readers"], shell="/bin/bash")
for name in ["ann", "bob"]:
    server.user_authorized_keys(
        user=f"bench-{name}",
        group="bench",
        public_keys=f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB2wkMEuh6YBKmUOnDwr6Rkl5bnHcmmHpJKO5kcVJ4Qh {name}",
    )

for path in ["/srv/bench", "/srv/bench/conf", "/srv/bench/data", "/srv/bench/log", "/srv/bench/run"]:
    files.directory(path=path, user="root", group="bench", mode="750")
conf = {}
for name in (f"{n:02}" for n in range(25)):
    conf[name] = files.put(
        src=StringIO(f"# file {name}\n{settings}"),
        dest=f"/srv/bench/conf/{name}.conf",
        user="root",
        group="bench",
        mode="640",
    )
for name in ["00", "01", "02"]:
    files.link(path=f"/srv/bench/run/{name}", target=f"../conf/{name}.conf")
for key, value in {"UMASK": "027", "PASS_MAX_DAYS": "365", "LOGIN_RETRIES": "4"}.items():
    files.line(path="/etc/login.defs", line=rf"^#?{key}\s.*", replace=f"{key} {value}", extended_regex=True)
for ip, name in {"192.0.2.11": "db1", "192.0.2.12": "db2"}.items():
    server.etc_hosts(ip=ip, hostnames=name)
for key, value in {
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.ip_local_port_range": "20000 60000",
}.items():
    server.sysctl(key=key, value=value, persist=True, persist_file="/etc/sysctl.d/99-zz-pyinfra.conf")

for name in ["00", "01", "02", "03"]:
    unit = files.put(
        src=StringIO("[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"),
        dest=f"/etc/systemd/system/bench-{name}.service",
        user="root",
        mode="644",
    )
    systemd.daemon_reload(_if=unit.did_change)
    systemd.service(service=f"bench-{name}.service", running=True, enabled=True)
    systemd.service(service=f"bench-{name}.service", restarted=True, _if=any_changed(unit, conf[name]))
systemd.service(service="cron.service", running=True, enabled=True)
if not host.get_fact(File, path="/srv/bench/data/marker"):
    server.shell(commands=["touch /srv/bench/data/marker"])

# pyinfra has no operation for ufw.
firewall = host.get_fact(Command, "ufw status verbose || true") or ""
for rule in ["22/tcp", "80,443/tcp"]:
    if f"\n{rule} " not in firewall:
        server.shell(commands=[f"ufw allow {rule}"])
if "Status: active" not in firewall or "deny (incoming)" not in firewall:
    server.shell(commands=["ufw default deny incoming", "ufw --force enable"])
