# Creates a directory with its parents, or sets the rights of one that exists. Prints nothing.
: "${path?}" "${mode?}" "${owner?}"

umask 022
mkdir -p -- "${path%/*}/"
[ -d "$path" ] || mkdir -m 0700 -- "$path" # nobody may enter before owner and mode are set
chown -h -- "$owner" "$path"
chmod -- "$mode" "$path" # after chown, which clears the set-user-ID bits
