# The part of home.sh in the directory of the home.
: "${new?}" "${to?}"
: "${uid?}" "${gid?}" "${mode?}"

rm -rf --one-file-system -- "$new"
mkdir -- "$new"
enter "$new" || moved
[ ! -d /etc/skel ] || cp -a /etc/skel/. .
chown -hR -- "$uid:$gid" .
chmod -- "00$mode" . # as useradd does, whatever bits the directory above hands down
cd -P .. || exit
mv -T -- "$new" "$to"
