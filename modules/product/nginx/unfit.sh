# Prints, if no nginx runs, the sites that begin as rcprov's do (header) and with which it would not start: a line
# "SITE<tab>CERTIFICATE<tab>KEY<tab>WHY" each. Without openssl, only missing files are known.
: "${header?}" "${etc?}" "${run?}"

pid=''
name=''
read -r pid 2>/dev/null <"$run/nginx.pid" || true
if [ -n "$pid" ]; then read -r name 2>/dev/null <"/proc/$pid/comm" || true; fi
[ "$name" != nginx ] || exit 0
openssl=$(command -v openssl) || true

for site in "$etc"/conf.d/*.conf; do
	first=''
	read -r first 2>/dev/null <"$site" || true
	[ "$first" = "$header" ] || continue
	certificate=$(sed -n 's/^[[:space:]]*ssl_certificate[[:space:]][[:space:]]*\([^;]*\);.*/\1/p' "$site" | head -n 1)
	key=$(sed -n 's/^[[:space:]]*ssl_certificate_key[[:space:]][[:space:]]*\([^;]*\);.*/\1/p' "$site" | head -n 1)
	if [ -z "$certificate" ] || [ -z "$key" ]; then continue; fi
	why=''
	if [ ! -s "$certificate" ]; then
		why='there is no certificate'
	elif [ ! -s "$key" ]; then
		why='there is no key'
	elif [ -z "$openssl" ]; then
		continue
	elif ! public=$(openssl x509 -noout -pubkey -in "$certificate" 2>/dev/null); then
		why='there is no certificate'
	elif ! openssl crl2pkcs7 -nocrl -certfile "$certificate" -out /dev/null 2>/dev/null; then
		why='a certificate behind the first is damaged'
	elif ! private=$(openssl pkey -pubout -passin pass: -in "$key" 2>/dev/null); then
		why='there is no key'
	elif [ "$public" != "$private" ]; then
		why='its key does not belong to its certificate'
	fi
	[ -z "$why" ] || printf '%s\t%s\t%s\t%s\n' "$site" "$certificate" "$key" "$why"
done
