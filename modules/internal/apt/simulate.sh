# Prints the packages on hold, a line "Held NAME" each, then what apt-get prints that it would do.
: "${apt_get?}"

eval "set -- $apt_get"
if any_held; then apt-mark showhold | sed 's/^/Held /'; fi
exec "$@"
