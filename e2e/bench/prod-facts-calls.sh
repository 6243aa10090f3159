# What is to be known of the video calls, beside prod-facts.sh.
# shellcheck shell=sh disable=SC2086 # lists of words
cat /etc/apt/sources.list.d/rcprov-jitsi.sources /etc/apt/keyrings/rcprov-jitsi.asc
dpkg-query -W -f='${Package} ${db:Status-Abbrev} ${Version}\n' openjdk-17-jre-headless prosody jicofo jitsi-videobridge2 jitsi-meet \
	jitsi-meet-web jitsi-meet-web-config jitsi-meet-prosody
grep -A3 '^Name: ji' /var/cache/debconf/config.dat
cat "/var/lib/lego/certificates/@MEET@.crt" "/etc/nginx/sites-available/@MEET@.conf" "/etc/prosody/conf.avail/@MEET@.cfg.lua"
files="/etc/jitsi/videobridge/jvb.conf /etc/jitsi/jicofo/jicofo.conf /etc/nginx/sites-available/@MEET@.conf /etc/prosody/conf.avail/@MEET@.cfg.lua"
stat -c '%n %F %a %U %G %s %Z' $files /etc/prosody/conf.d/* /etc/nginx/sites-enabled/*
sha256sum $files
cat /var/lib/prosody/auth*/accounts/*.dat
systemctl show -p Id,LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths,ActiveEnterTimestamp,MainPID \
	prosody.service jicofo.service jitsi-videobridge2.service
curl -s http://127.0.0.1:8080/about/health
curl -s http://127.0.0.1:8888/about/health
curl -sk --resolve "@MEET@:443:127.0.0.1" "https://@MEET@/" "https://@MEET@/config.js"
curl -sk -o /dev/null --resolve "@MEET@:443:127.0.0.1" "https://@MEET@/http-bind"
