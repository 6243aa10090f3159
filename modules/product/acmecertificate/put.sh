# Puts the files names, which come as tar, into dir by renames right after one another, so that a run that is killed hardly
# ever leaves a key without its certificate: a CA counts how often it is asked for the same names. Missing parents of dir get
# the mode, 0700 or 0755. Needs tar.
: "${dir?}" "${mode?}" "${names?}"

case $mode in 0700) umask 077 ;; *) umask 022 ;; esac
mkdir -p -- "$dir"
new=$dir/.rcprov
rm -rf -- "$new"
mkdir -m 0700 -- "$new"
trap 'rm -rf -- "$new"' EXIT
tar -x -p -m -C "$new" -f - --no-same-owner
sync -- "$new"/*
eval "set -- $names"
for name; do mv -fT -- "$new/$name" "$dir/$name"; done
