# Prints what there is of a checkout, in lines "rcprov-git WORD ...", and what the remote says; other lines are complaints. It
# comes behind door.sh and key.sh, for each checkout in a subshell of its own.
#
#	tool NAME           the host lacks this program
#	there WORD          repository, empty, or full of something else
#	strange NAME        somebody else may have changed what git would read as root
#	head COMMIT         what is checked out; nothing in an empty repository
#	url URL             of the remote
#	ahead NUMBER        commits that the remote doesn't have, as far as is known
#	edit STATE NAME     as git-status(1) has it
#	submodule NAME      is not checked out
#	remote COMMIT REF   as git-ls-remote(1) has it
#	asked               the remote has answered
: "${path?}" "${owner?}" "${repo?}" "${version?}" "${ask?}" "${submodules?}" "${ssh?}" "${host_keys?}" "${keyed?}" "${key?}"
: "${looker?}" "${asker?}"

for tool in ${needs?}; do
	command -v "$tool" >/dev/null || echo "rcprov-git tool $tool"
done
command -v git >/dev/null || exit 0
export repo version ssh host_keys submodules
if [ -d "$path" ]; then
	(
		door_enter "$path/.git" no
		if [ -z "$door_x" ] && ! door_private; then
			echo "rcprov-git strange ."
			exit
		fi
		door_home
		keyed=no door_open no "$looker"
	)
fi
[ "$ask" = yes ] || exit 0
owner_is "$owner" || exit 0
with_key "$asker"
