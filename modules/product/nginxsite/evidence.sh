# Prints why clients may not get a site: who listens on the port if something is silent there, what nginx warns of names, the lines
# of files beside rcprov's, which begin with header, that have one of names or listen on one address, and the last lines that nginx
# wrote to its log behind the first bytes of it.
: "${names?}" "${header?}" "${silent?}" "${log?}" "${bytes?}" "${port?}"

[ "$silent" = no ] || ss -Hltnp "sport = :$port" | sed "s/^/port $port: /"
nginx -t 2>&1 | sed -n 's/^.*\(conflicting server name\)/\1/p' | sort -u | head -n 5
grep -RLsxF -- "$header" /etc/nginx/conf.d /etc/nginx/sites-enabled | while IFS= read -r file; do
	grep -HnE '^[^#]*listen[[:space:]]+(\[[0-9a-f]*:[0-9a-f:]*[0-9a-f]\]|[0-9]+\.[0-9.]+):'"$port" -- "$file" || true
	for name in $names; do grep -HnF -- "$name" "$file" | grep server_name || true; done
done | awk '!seen[$0]++' | head -n 5
[ -f "$log" ] || exit 0
[ "$(stat -c %s -- "$log")" -ge "$bytes" ] || bytes=0 # it was rotated
tail -c "+$((bytes + 1))" -- "$log" | tail -n 5
