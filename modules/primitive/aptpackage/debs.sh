# Prints "arch ARCHITECTURE" for each that dpkg has beside the host's own, and of each package file "file PATH", and then what
# its control file says of its name, version and architecture, and what dpkg-deb complains of; or "broken" without any of that; or
# "absent"; or "other USER" if not only root has a say in what the file is: nothing is read then. Needs tar.
: "${files?}"

if [ -e /var/lib/dpkg/arch ]; then sed 's/^/arch /' /var/lib/dpkg/arch; fi
eval "set -- $files"
for file; do
	echo "file $file"
	path=$file
	set -- /
	while [ -n "$path" ]; do
		set -- "$@" "$path"
		path=${path%/*}
	done
	others=$(stat -c '%u %a %U %F' -- "$@" 2>/dev/null) || {
		echo absent
		continue
	}
	# Who may write in a directory with the sticky bit can't replace what is root's.
	other=$(printf '%s\n' "$others" | while read -r uid mode user type; do
		case $uid,$mode,$type in
		0,1777,directory) ;;
		0,*[2367],* | 0,*[2367]?,*) echo "other $user" ;;
		0,*) ;;
		*) echo "other $user" ;;
		esac
	done)
	if [ -n "$other" ]; then
		echo "$other"
	else
		# With --field, dpkg-deb would write to /tmp.
		{ dpkg-deb --ctrl-tarfile "$file" | tar -xO ./control control 2>/dev/null; } 2>&1 | grep -E '^(Package|Version|Architecture|dpkg-deb):' || echo broken
	fi
done
