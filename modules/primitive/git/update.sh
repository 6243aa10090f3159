# Brings a checkout to another version. It comes behind door.sh and key.sh. The key is in the environment, as KEY.
: "${path?}" "${repo?}" "${version?}" "${commit?}" "${force?}" "${submodules?}" "${depth?}" "${ssh?}" "${host_keys?}" "${keyed?}"
: "${updater?}"

# shellcheck disable=SC2034 # with_key reads it
key=${KEY:-}
unset KEY
export repo version commit force submodules depth ssh host_keys
door_enter "$path/.git" no
if [ -z "$door_x" ] && ! door_private; then
	echo "rcprov-problem strange ." >&2
	exit 1
fi
door_home
export door_limit=86400
door_vars no
with_key "${door_start?}$updater"
