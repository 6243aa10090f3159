# Prints the versions of packages that the lists have, as apt-cache madison does; nothing where a package is on hold.
: "${names?}"

eval "set -- $names"
if any_held; then exit; fi
apt-cache madison -- "$@" 2>/dev/null || true
