# The part of write.sh in the directory of the keys. Prints nothing.
: "${new?}" "${to?}"
: "${mode?}" "${owner?}" "${group?}"

case $(stat -c %A -- .) in ?????w* | ????????w*) chmod go-w -- . ;; esac
trap 'rm -f -- "$new"' EXIT
rm -f -- "$new"
dd of="$new" bs=64k conv=excl status=none
chown -h -- "$owner:$group" "$new"
chmod -- "$mode" "$new"
sync -- "$new"
mv -fT -- "$new" "$to"
trap - EXIT
