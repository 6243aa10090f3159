# Prints the groups' entries of group(5), an empty line and, if all users are wanted, "USER:GID" for each. Exits with the
# status of getent(1).
: "${names?}" "${users?}"

eval "set -- $names"
getent group -- "$@"
status=$?
echo
if [ "$users" = yes ]; then
	getent passwd | cut -d: -f1,4 || exit 1
fi
exit $status
