# Renews a certificate when no more than a third of its lifetime remains or the CA suggests so, then makes sure that it is what
# clients get. A timer on the host runs it: whatever it can't tell is a failure of its unit, never a certificate that is not due.
# A CA that suggests nothing is no failure. It prints what is wrong. certificate is a path, names its host names, lego the command
# that renews it, directory the URL of the CA, roots a file with the CAs of the CA's own server or empty, renewal the file with the
# CA's last suggestion, units what reads the certificate, served the addresses (HOST:PORT) at which it is served, and stamp the
# file with the certificate that the units last read. Needs openssl, curl, lego, systemctl, and date of coreutils.
: "${certificate?}" "${names?}" "${lego?}" "${directory?}" "${roots?}" "${renewal?}" "${units?}" "${served?}" "${stamp?}"

set -eu
status=0
failed() {
	printf '%s\n' "$*" >&2
	status=1
}

# look reads what openssl says of the certificate; fact prints a line of that, by what stands before the "=". Dates are in the form
# that every date(1) reads, where openssl knows that: uutils doesn't know the other.
look() {
	facts=$(about -dateopt iso_8601 2>/dev/null || about)
	want=$(printf '%s\n' "$facts" | grep Fingerprint=)
}
about() {
	openssl x509 -noout -enddate -startdate -serial -fingerprint -sha256 -ext authorityKeyIdentifier "$@" -in "$certificate"
}
fact() { printf '%s\n' "$facts" | sed -n "s/^$1=//p"; }
# at prints a date in seconds.
at() {
	text=$(fact "$1") && [ -n "$text" ] && date -d "$text" +%s && return
	printf '%s\n' "can't tell the date $1 of $certificate" >&2
	return 1
}
look || true # at says what is missing
end=$(at notAfter)
start=$(at notBefore)
now=$(date +%s)

# of_url prints bytes, which it takes in hexadecimal, in base64url.
of_url() {
	# shellcheck disable=SC2059 # the format is the byte
	for byte in $(printf '%s' "$1" | sed 's/../& /g'); do printf "\\$(printf '%03o' "0x$byte")"; done |
		base64 | tr '+/' '-_' | tr -d '=\n'
}
get() { curl -fsS --max-time 20 ${roots:+--cacert "$roots"} "$@"; }
# ask asks the CA when it wants the certificate to be renewed (RFC 9773), and keeps the answer with the time to ask again, as
# "FINGERPRINT SECONDS SECONDS"; 0 is that it has no wish.
ask() {
	serial=$(fact serial)
	case $serial in [89A-F]*) serial=00$serial ;; esac # DER's sign
	issuer=$(printf '%s\n' "$facts" | sed -n 's/^ *\(keyid:\)\{0,1\}\([0-9A-F][0-9A-F]:[0-9A-F:]*\)$/\2/p' | tr -d ':')
	if [ -z "$issuer" ]; then return 0; fi
	moment=0 after=
	answer=$(get "$directory") || return 0
	url=$(printf '%s\n' "$answer" | sed -n 's/.*"renewalInfo" *: *"\([^"]*\)".*/\1/p')
	if [ -n "$url" ]; then
		answer=$(get -D - "$url/$(of_url "$issuer").$(of_url "$serial")") || return 0
		window() { printf '%s\n' "$answer" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | sed 's/\.[0-9]*//'; }
		from=$(window start) to=$(window end)
		if [ -z "$from" ] || [ -z "$to" ] || ! from=$(date -d "$from" +%s) || ! to=$(date -d "$to" +%s); then
			printf '%s\n' "the CA didn't say when it wants $certificate to be renewed" >&2
			return 0
		fi
		# The same time in the window as rcprov takes (momentIn), by the first two bytes of the fingerprint.
		share=$(printf '%s' "${want#*=}" | cut -c1,2,4,5)
		moment=$((from + (to > from ? to - from : 0) * 0x$share / 65536))
		after=$(printf '%s\n' "$answer" | sed -n 's/^[Rr][Ee][Tt][Rr][Yy]-[Aa][Ff][Tt][Ee][Rr]: *\([0-9]\{1,9\}\).*/\1/p')
	fi
	printf '%s %s %s\n' "${want#*=}" "$moment" $((now + ${after:-21600})) >"$renewal.new" && mv -f -- "$renewal.new" "$renewal"
}
# suggested reports whether the CA wants the certificate to be renewed by now.
suggested() {
	wish() { read -r is moment again 2>/dev/null <"$renewal" && [ "$is" = "${want#*=}" ]; }
	if ! wish || [ "$now" -ge "$again" ]; then ask; fi
	wish && [ "$moment" -gt 0 ] && [ "$moment" -le "$now" ]
}
if [ $(((end - now) * 3)) -le $((end - start)) ] || suggested; then
	if [ -n "$roots" ]; then export LEGO_CA_CERTIFICATES="$roots"; fi
	eval "$lego" || failed "$certificate is not renewed; it expires on $(fact notAfter)"
	look
fi

# wrong prints the first name for which clients don't get the certificate; nothing if there is none.
wrong() {
	for address in $served; do
		for name in $names; do
			is=$(timeout 10 openssl s_client -connect "$address" -servername "$name" </dev/null 2>/dev/null |
				openssl x509 -noout -fingerprint -sha256 2>/dev/null) ||
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
