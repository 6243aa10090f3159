# Puts standard input in place of a user's file of keys (file: its path, or empty), as a whole. Prints nothing; on standard error
# "rcprov-no-home" or "rcprov-no-directory" if there is no place for it. Needs account.sh and getent.
#
# Root writes only below directories of root that nobody else may write to, where no user can redirect the path by a link or a
# rename. Anywhere else the write has the user's rights.
# shellcheck disable=SC2154 # split_entry sets uid, gid, home and path
: "${user?}" "${file?}" "${replace?}"

split_entry "$(getent passwd -- "$user")" "$file"
dir=${path%/*}
[ -n "$file" ] || [ -d "$home" ] || {
	echo rcprov-no-home >&2
	exit 1
}
near=$dir
[ -z "$file" ] && [ ! -d "$dir" ] && near=$home
real=$(cd -P -- "$near" && pwd -P) || {
	echo rcprov-no-directory >&2
	exit 1
}

# guarded DIR reports whether only root may write to DIR and to all directories above it.
guarded() {
	way=$1
	while :; do
		# shellcheck disable=SC2046 # two words
		set -- $(stat -c '%u %f' -- "${way:-/}")
		[ "$1" = 0 ] || return 1
		case $2 in a*) ;; *) [ $((0x$2 & 0022)) = 0 ] || return 1 ;; esac # a...: a link, whose mode means nothing
		[ -n "$way" ] || return 0
		way=${way%/*}
	done
}

writer=as_user
mode=0600
owner=
if guarded "$near" && guarded "$real"; then
	writer=
	if [ -n "$file" ]; then mode=0644; else owner=$uid:$gid; fi
fi
export dir path mode owner
$writer sh -euc "$replace"
