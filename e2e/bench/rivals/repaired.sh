# Fails unless the host is again what it was before drift.sh, by its own tools.
# shellcheck shell=sh
set -eux
dpkg-query -W -f='${db:Status-Abbrev}' tree | grep -q '^ii'
getent passwd bench-ann | grep -q ':/bin/bash$'
grep -q '^ssh-ed25519 .* bob$' /home/bench-bob/.ssh/authorized_keys
test "$(stat -c %a /srv/bench/log)" = 750
test "$(sed 1d /srv/bench/conf/00.conf | sha256sum)" = "$(sed 1d /srv/bench/conf/24.conf | sha256sum)"
test "$(readlink /srv/bench/run/02)" = ../conf/02.conf
grep -qx 'UMASK 027' /etc/login.defs
getent hosts 192.0.2.12 | grep -q db2
test "$(sysctl -n net.ipv4.conf.all.accept_redirects)" = 0
cmp /etc/systemd/system/bench-01.service /etc/systemd/system/bench-03.service
systemctl -q is-active bench-00.service bench-01.service bench-02.service bench-03.service cron.service
systemctl -q is-enabled cron.service
for file in /srv/bench/conf/00.conf /etc/systemd/system/bench-01.service; do
	unit=bench-$(basename "$file" | tr -dc 01).service # which runs what is on disk
	test "$(date -d "$(systemctl show -p ActiveEnterTimestamp --value "$unit")" +%s)" -ge "$(stat -c %Y "$file")"
done
test -e /srv/bench/data/marker
ufw status | grep -q '^80,443/tcp .*ALLOW'
