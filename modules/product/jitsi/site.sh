# Makes the script of jitsi-meet-web-config take domain for a new one, and backs up the page of another domain, if page is not
# empty. If the package remembers another domain, its script takes domain for a new one anyhow, and removes the other's site.
# Needs debconf-communicate.
: "${domain?}" "${page?}"

if [ "$(echo 'get jitsi-meet/jvb-hostname' | debconf-communicate jitsi-meet-web-config)" = "0 $domain" ]; then
	echo 'set jitsi-meet/jvb-hostname ' | debconf-communicate jitsi-meet-web-config >/dev/null
fi
if [ -n "$page" ] && [ -f "$page" ]; then
	mkdir -p -- "/var/lib/rcprov/backup$(dirname -- "$page")"
	mv -- "$page" "/var/lib/rcprov/backup$page"
fi
