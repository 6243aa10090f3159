# Makes the place for an upload free, and fails early and with a reason (SFTP has only "failure") when there is no room
# for it. Where a file system can't tell, the upload will. Prints nothing. Needs fallocate (util-linux).
: "${path?}" "${size?}"

umask 077
rm -f -- "$path"
said=$(fallocate -l "$size" -- "$path" 2>&1) || case $said in
*"not supported"* | *"not found"*) ;;
*)
	printf '%s\n' "$said" >&2
	rm -f -- "$path"
	exit 1
	;;
esac
rm -f -- "$path"
