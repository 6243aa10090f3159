# Has systemd load a unit, under its own name, from a directory with the new texts, which come as tar on standard input. Ends
# with status 3, and systemd's output on standard error, if systemd would not load it. Needs tar and systemd-analyze.
#
# If the plan has no unit file, the one in use is copied. systemd-analyze also fails for what a later step may bring (a
# program that is not installed, a unit that is required): the start reports that. Its output includes warnings of ignored
# lines, which mostly explain why. The directory is in /run, which has room where /tmp is full or read-only.
: "${unit?}"

dir=$(mktemp -d /run/rcprov-verify.XXXXXX)
trap 'rm -rf -- "$dir"' EXIT
tar -x -C "$dir" -f - --no-same-owner
if [ ! -e "$dir/$unit" ]; then
	used=$(systemctl show -p FragmentPath --value -- "$unit")
	[ -n "$used" ] && [ -f "$used" ] || exit 0
	cp -- "$used" "$dir/$unit"
fi
said=$(systemd-analyze verify --man=no "$dir/$unit" 2>&1) || case $said in
*"$unit has a bad unit file setting."*)
	printf '%s\n' "$said" | sed "s|$dir/||" >&2
	exit 3
	;;
esac
