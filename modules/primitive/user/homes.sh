# Prints "NAME UID OWNER" for each of the users whose home is there, by who owns it: a link itself, not its target. Needs getent.
: "${names?}"

eval "set -- $names"
for name; do
	entry=$(getent passwd -- "$name") || continue
	entry=${entry#*:*:*:*:*:}
	owner=$(stat -c '%u %U' -- "${entry%%:*}" 2>/dev/null) || continue
	printf '%s %s\n' "$name" "$owner"
done
