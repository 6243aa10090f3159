# Prints what the databases of the host hold about users, and exits with the status of getent(1):
#
#	passwd HOME ENTRY   an entry of passwd(5); HOME is "yes" when the home is a directory
#	init ENTRY          the user's name and the numbers of its groups
#	group GID NAME      the name of each group that has come up
: "${names?}"

set -f
eval "set -- $names"
entries=$(getent passwd -- "$@")
status=$?
inits=$(getent initgroups -- "$@") || status=$?
gids=
for word in $inits; do
	case $word in *[!0-9]*) ;; *) gids="$gids $word" ;; esac
done
IFS='
'
for entry in $entries; do
	rest=${entry#*:*:*:}
	gids="$gids ${rest%%:*}"
	rest=${rest#*:*:}
	home=no
	if [ -d "${rest%%:*}" ]; then home=yes; fi
	printf 'passwd %s:%s\n' "$home" "$entry"
done
for entry in $inits; do printf 'init %s\n' "$entry"; done
IFS=' '
# shellcheck disable=SC2086 # numbers
groups=$([ -z "$gids" ] || getent group -- $gids)
IFS='
'
for entry in $groups; do
	rest=${entry#*:*:}
	printf 'group %s %s\n' "${rest%%:*}" "${entry%%:*}"
done
exit $status
