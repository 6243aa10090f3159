# Renews a certificate when no more than a third of its lifetime remains, then makes sure that it is what clients get. A timer on
# the host runs it: whatever it can't tell is a failure of its unit, never a certificate that is not due. It prints what is
# wrong. certificate is a path, names its host names, lego the command that renews it, roots a file with the CAs of the CA's own
# server or empty, units what reads the certificate, served the addresses (HOST:PORT) at which it is served, and stamp the file
# with the certificate that the units last read. Needs openssl, lego, systemctl, and date of coreutils.
: "${certificate?}" "${names?}" "${lego?}" "${roots?}" "${units?}" "${served?}" "${stamp?}"

set -eu
status=0
failed() {
	printf '%s\n' "$*" >&2
	status=1
}

# of prints a date of the certificate, enddate or startdate, in the form that every date(1) reads: uutils doesn't know the other.
of() {
	text=$(openssl x509 -noout "-$1" -dateopt iso_8601 -in "$certificate" 2>/dev/null || openssl x509 -noout "-$1" -in "$certificate") &&
		printf '%s\n' "${text#*=}"
}
# at prints it in seconds.
at() {
	text=$(of "$1") && date -d "$text" +%s && return
	printf '%s\n' "can't tell the $1 of $certificate" >&2
	return 1
}
end=$(at enddate)
start=$(at startdate)
now=$(date +%s)
if [ $(((end - now) * 3)) -le $((end - start)) ]; then
	if [ -n "$roots" ]; then export LEGO_CA_CERTIFICATES="$roots"; fi
	eval "$lego" || failed "$certificate is not renewed; it expires on $(of enddate)"
fi

fingerprint() { openssl x509 -noout -fingerprint -sha256; }
want=$(fingerprint <"$certificate")

# wrong prints the first name for which clients don't get the certificate; nothing if there is none.
wrong() {
	for address in $served; do
		for name in $names; do
			is=$(timeout 10 openssl s_client -connect "$address" -servername "$name" </dev/null 2>/dev/null | fingerprint 2>/dev/null) ||
				is=
			case $is in
			"$want") ;;
			'') echo "no certificate is served for $name at $address" && return ;;
			*) echo "another certificate than $certificate is served for $name at $address" && return ;;
			esac
		done
	done
}

if [ "$(cat -- "$stamp" 2>/dev/null)" = "$want" ] && [ -z "$(wrong)" ]; then exit $status; fi
reloaded=yes
# shellcheck disable=SC2086 # several units
systemctl try-reload-or-restart $units || reloaded=no
for _ in 1 2 3 4 5 6 7 8 9 10; do # nginx changes its workers after the reload has returned
	left=$(wrong)
	if [ -z "$left" ] || [ $reloaded = no ]; then break; fi
	sleep 1
done
if [ $reloaded = no ]; then failed "$units can't be reloaded, to serve $certificate"; fi
if [ -n "$left" ]; then failed "$left"; fi
if [ $reloaded = yes ] && [ -z "$left" ]; then
	mkdir -p -- "${stamp%/*}"
	printf '%s\n' "$want" >"$stamp.new"
	mv -f -- "$stamp.new" "$stamp"
fi
exit $status
