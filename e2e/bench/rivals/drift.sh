# A drift of every kind, made on the host by hand.
# shellcheck shell=sh
set -eu
apt-get -qq remove tree >/dev/null
usermod -s /bin/sh bench-ann
: >/home/bench-bob/.ssh/authorized_keys
chmod 700 /srv/bench/log
echo edited >>/srv/bench/conf/00.conf
ln -sfn ../conf/24.conf /srv/bench/run/02
sed -i 's/^UMASK.*/UMASK 022/' /etc/login.defs
sed -i '/192.0.2.12/d' /etc/hosts
sysctl -qw net.ipv4.conf.all.accept_redirects=1
echo '# edited' >>/etc/systemd/system/bench-01.service
systemctl stop bench-02.service
systemctl -q disable --now cron.service
rm /srv/bench/data/marker
ufw delete allow 80,443/tcp >/dev/null
