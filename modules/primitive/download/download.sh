# Downloads a file, verifies it and puts it in place. Prints what apt-helper prints, and ends with what fetch.Explain reads if
# it fails. Needs the functions of packages hostfile and fetch.
#
# It works in a staging directory beside the file, which it removes at its end; what a killed run left in it is used by the
# next one. Where others may write, that is store, and the file is copied to its place.
: "${path?}" "${staging?}" "${store?}" "${prepared?}" "${url?}" "${sha256?}" "${owner?}" "${group?}" "${mode?}" "${writer?}"

umask 022
door_enter "$path" no
door_want "$owner" "$group"
beside=yes
if ! door_private; then
	beside=no staging=$store
	mkdir -p -- "${staging%/*}"
fi
cd /
if [ -L "$staging" ] || [ ! -d "$staging" ]; then
	rm -f -- "$staging"
	mkdir -- "$staging"
fi
chmod 0755 -- "$staging"
trap 'rm -rf --one-file-system -- "$staging"
[ $beside = yes ] || rmdir -p --ignore-fail-on-non-empty -- "${staging%/*}"' EXIT
rm -f -- "$staging/new"
: >"$staging/new"
chown -h -- "$owner:$group" "$staging/new" # a missing user is found before anything is downloaded
adopt "$prepared" "$staging"
fetch "$url" "$sha256" "$staging"
if [ $beside = no ]; then
	export path mode owner group beside keep=no old_sum='' backup='' validate=''
	door_enter "$path" no
	exec <"$staging/file"
	export door_limit=3600
	door_open no "$writer"
	exit
fi
chown -h -- "$owner:$group" "$staging/file"
chmod -- "$mode" "$staging/file" # after chown, which clears the set-user-ID bit
sync -- "$staging/file"
mv -fT -- "$staging/file" "$path"
