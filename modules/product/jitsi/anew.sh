# Removes everything by which the script of jitsi-meet-prosody decides that there is nothing to do for domain: its certificates,
# the data of its accounts (a directory), its link and its configuration conf, of which it keeps a copy, backup, because an
# administrator may have added lines.
#
# It removes the configuration last: a configuration without its certificate shows the next run that the work was begun. Jitsi's
# script needs /var/lib/prosody, which Prosody's package makes.
: "${domain?}" "${data?}" "${conf?}" "${backup?}"

[ -d /var/lib/prosody ] || install -d -m 0750 -o prosody -g prosody /var/lib/prosody
cd /var/lib/prosody || exit 1
if [ -f "$conf" ]; then
	umask 077
	mkdir -p -- "$(dirname -- "$backup")"
	cp -p -- "$conf" "$backup"
fi
for name in "$domain" "auth.$domain"; do
	rm -f -- "$name.crt" "$name.key" "$name.cnf"
done
rm -rf -- "$data"
rm -f -- "/etc/prosody/conf.d/$domain.cfg.lua" "$conf"
