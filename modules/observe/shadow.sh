# Prints "NAME:LOCKED:SUM:EXPIRES:TODAY" for each user of shadow(5), and exits with the status of getent(1). SUM is the
# SHA-256 of the password's hash, without the mark that locks it, or the field where there is no hash.
: "${names?}"

set -f
eval "set -- $names"
entries=$(getent shadow -- "$@")
status=$?
today=$(($(date +%s) / 86400))
IFS='
'
for entry in $entries; do
	IFS=:
	# shellcheck disable=SC2086 # the fields
	set -- $entry
	hash=$2 locked=no
	while case $hash in '!'*) true ;; *) false ;; esac do hash=${hash#'!'} locked=yes; done
	case $hash in
	'' | '*' | x) sum=$hash ;;
	*)
		sum=$(printf %s "$hash" | sha256sum)
		sum=${sum%% *}
		;;
	esac
	printf '%s:%s:%s:%s:%s\n' "$1" "$locked" "$sum" "${8-}" "$today"
done
exit $status
