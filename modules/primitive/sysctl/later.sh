# Prints the files of sysctl.d(5) that may sort after rcprov's own, a line "file PATH" each in the order of the directories, and
# their assignments, "PATH:LINE". Its status is that of grep. Needs grep.
set --
for f in /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf /lib/sysctl.d/*.conf; do
	case ${f##*/} in [0-8]* | 9[0-8]* | 99-[0-9A-Za-y]* | 99-zz-rcprov-*) continue ;; esac
	[ ! -e "$f" ] || set -- "$@" "$f"
done
[ $# -eq 0 ] || {
	printf 'file %s\n' "$@"
	grep -aH = -- "$@"
}
