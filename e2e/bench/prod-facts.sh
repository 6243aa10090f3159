# What a person who knows the tools would write to gather the same facts as plans/prod.hcl needs, in one go, with the
# answers of mongod, Rocket.Chat and nginx (no login to the database: the host has no program for that).
# shellcheck shell=sh disable=SC1091,SC2086 # os-release; lists of words
export LC_ALL=C
domain=@DOMAIN@ release=@RELEASE@ node=@NODE@
. /etc/os-release
echo "$ID $VERSION_CODENAME"
dpkg --print-architecture
hostname -I
systemd-detect-virt
grep -m1 ^flags /proc/cpuinfo
dpkg-query -W -f='${Package} ${db:Status-Abbrev} ${Version}\n' ufw ca-certificates fontconfig nginx mongodb-org-server mongodb-mongosh mongodb-database-tools
apt-mark showhold
grep -hs '^### tuple\|^ENABLED=\|^LOGLEVEL=\|^IPV6=\|^DEFAULT_' /etc/ufw/ufw.conf /etc/default/ufw /etc/ufw/user.rules /etc/ufw/user6.rules
iptables -S ufw-user-input
ufw status
systemctl is-enabled ufw nginx mongod rocketchat-3000
getent passwd rocketchat
id -Gn rocketchat
getent shadow rocketchat
files="/etc/mongod.conf /etc/mongod.key /etc/rocketchat/env /etc/apt/sources.list.d/*.sources /etc/apt/keyrings/*
	/etc/systemd/system/rocketchat-3000.service /etc/systemd/system/mongod.service.d/* /etc/nginx/conf.d/* /var/lib/lego/certificates/*"
stat -c '%n %F %a %U %G %s %Z' $files /var/lib/mongodb /var/lib/rocketchat /var/lib/rocketchat/uploads /opt/rocketchat /opt/rocketchat/current \
	"/opt/rocketchat/releases/$release" "/opt/node/$node" /var/www/acme /etc/nginx/sites-enabled/*
cat $files "/opt/rocketchat/releases/$release"/.rcprov* "/opt/node/$node"/.rcprov* /var/lib/rcprov/stamps/* 2>/dev/null
readlink /opt/rocketchat/current
systemctl show -p Id,LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,ActiveEnterTimestamp,MainPID \
	mongod.service rocketchat-3000.service nginx.service
nginx -v
openssl version
ss -Hltn
bash -c 'exec 3<>/dev/tcp/127.0.0.1/27017 && echo mongod'
bash -c 'exec 3<>/dev/tcp/127.0.0.1/3000 && printf "GET /readyz HTTP/1.0\r\n\r\n" >&3 && cat <&3'
printf 'GET /api/info HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$domain" |
	openssl s_client -quiet -connect 127.0.0.1:443 -servername "$domain" 2>/dev/null
