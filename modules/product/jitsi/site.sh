# Makes the script of jitsi-meet-web-config take the domain for a new one, and backs up the page of another domain, if page is not
# empty. If the package remembered another domain, its script would remove that domain's page. Needs debconf-communicate.
: "${page?}"

case $(echo 'get jitsi-meet/jvb-hostname' | debconf-communicate jitsi-meet-web-config) in
'0 '?*) echo 'set jitsi-meet/jvb-hostname ' | debconf-communicate jitsi-meet-web-config >/dev/null ;;
esac
if [ -n "$page" ] && [ -f "$page" ]; then
	mkdir -p -- "/var/lib/rcprov/backup$(dirname -- "$page")"
	mv -- "$page" "/var/lib/rcprov/backup$page"
fi
