# What a person who knows the tools would write to gather the same facts as sixty.hcl needs, in one go: every program
# is started once for all of its subjects.
# shellcheck shell=sh disable=SC2086 # lists of words
export LC_ALL=C
confs=$(printf '/srv/bench/conf/%02d.conf ' 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24)
units='bench-00.service bench-01.service bench-02.service bench-03.service'
dpkg-query -W -f='${Package} ${db:Status-Abbrev} ${Version}\n' tree less rsync ufw cron telnetd 2>/dev/null
getent group bench readers
getent passwd bench-ann bench-bob bench-cid
getent shadow bench-ann bench-bob bench-cid
id -Gn bench-ann
id -Gn bench-bob
id -Gn bench-cid
cat /home/bench-ann/.ssh/authorized_keys /home/bench-bob/.ssh/authorized_keys
stat -c '%n %F %a %U %G %s %Z' /srv/bench /srv/bench/conf /srv/bench/data /srv/bench/log /srv/bench/run \
	$confs /srv/bench/run/00 /srv/bench/run/01 /srv/bench/run/02 /srv/bench/data/marker /etc/login.defs /etc/hosts \
	/home/bench-ann/.ssh /home/bench-bob/.ssh /etc/sysctl.d/*.conf
sha256sum $confs
readlink /srv/bench/run/00 /srv/bench/run/01 /srv/bench/run/02
cat /etc/login.defs /etc/hosts /etc/sysctl.d/*.conf
cat /proc/sys/net/ipv4/tcp_syncookies /proc/sys/net/ipv4/conf/all/rp_filter \
	/proc/sys/net/ipv4/conf/all/accept_redirects /proc/sys/net/ipv4/ip_local_port_range
systemctl show -p Id,LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,ActiveEnterTimestamp,MainPID \
	$units cron.service
sha256sum /etc/systemd/system/bench-0*.service
cat /etc/systemd/system/bench-0*.service /var/lib/rcprov/stamps/*
grep -hs '^### tuple\|^ENABLED=\|^LOGLEVEL=\|^IPV6=\|^DEFAULT_' /etc/ufw/ufw.conf /etc/default/ufw /etc/ufw/user.rules /etc/ufw/user6.rules
iptables -S ufw-user-input
