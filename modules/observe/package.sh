# Prints of each package that dpkg knows "NAME<tab>PACKAGE<tab>STATUS<tab>ARCHITECTURE<tab>VERSION", and then of those that apt
# knows more of some lines of its record: "Package: NAME", "Architecture: ARCHITECTURE" and "Auto-Installed: 1". Its status is
# that of dpkg-query. Lists are quoted names, and lines "Package: NAME". Needs grep.
: "${names?}" "${records?}"

eval "set -- $names"
dpkg-query -W -f='${binary:Package}\t${Package}\t${db:Status-Abbrev}\t${Architecture}\t${Version}\n' -- "$@"
status=$?
# Not there before something is installed automatically. What apt writes begins with these three lines.
if [ -e /var/lib/apt/extended_states ]; then
	grep -xF -A2 -- "$records" /var/lib/apt/extended_states || [ $? = 1 ] || exit 3
fi
exit $status
