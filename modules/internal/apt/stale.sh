# Prints $failed (see update.sh), unless all lists that it says apt could not fetch were fetched since. apt names the files of a
# source after its address (URItoFileName in apt-pkg/contrib/strutl.cc, 2.6).
: "${failed?}" "${lists?}"

[ -s "$failed" ] || exit 0
names=no left=
# shellcheck disable=SC2094 # find only compares times with its time
while read -r line; do
	case $line in
	?": Failed to fetch "*)
		names=yes
		address=${line#?: Failed to fetch }
		address=${address%% *}
		source=$(printf '%s' "${address#*://}" | sed 's|/|_|g; s|_[^_]*$||')
		[ -n "$(find "$lists" -name "${source}_*Release" -cnewer "$failed")" ] || left=yes
		;;
	esac
done <"$failed"
[ "$names$left" = yes ] || cat "$failed"
