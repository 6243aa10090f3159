# Makes a checkout beside its place, and moves it there. It comes behind door.sh and key.sh. The key is in the environment, as KEY.
: "${path?}" "${owner?}" "${group?}" "${repo?}" "${version?}" "${commit?}" "${force?}" "${submodules?}" "${depth?}" "${ssh?}" "${host_keys?}"
: "${keyed?}" "${cloner?}" "${placer?}"

# shellcheck disable=SC2034 # with_key reads it
key=${KEY:-}
unset KEY
export repo version commit force submodules depth ssh host_keys
door_enter "$path" yes
door_want "$owner" "$group"
if [ -z "$door_x" ] && ! door_private; then
	echo "rcprov-problem shared" >&2
	exit 1
fi
# shellcheck disable=SC2034,SC2154 # placer.sh reads them, and door_enter sets the name
new=./.$door_name.rcprov to=./$door_name
export door_limit=86400
if [ -n "$door_x" ]; then
	door_home
	door_vars yes
	export cloner
	with_key "${door_start?}clone() { (cd -P -- \"\$new/tree\" && sh -euc \"\$cloner\"); }
$placer"
	exit
fi
clone() (
	chown -h -- "$owner:$group" "$new/tree"
	cd -P -- "$new/tree" || exit
	owner_is "$owner"
	with_key "$cloner"
)
eval "$placer"
