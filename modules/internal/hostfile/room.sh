# Makes the place for the upload of a file free, and fails early and with a reason (SFTP has only "failure") when there is
# no room for it. Where a file system can't tell, the upload will. Prints where to upload to: beside the file where nobody
# but root may write, so that a rename is enough; else the path store, in a directory that only root can enter. Needs
# fallocate (util-linux). It comes behind door.sh.
: "${path?}" "${size?}" "${store?}" "${owner?}" "${group?}" "${keep?}"

door_enter "$path" no
[ "$keep" = yes ] || door_want "$owner" "$group"
umask 077
if door_private; then
	upload=${path%/*}/.${path##*/}.rcprov
else
	upload=$store
	mkdir -p -- "${store%/*}"
fi
rm -f -- "$upload"
said=$(fallocate -l "$size" -- "$upload" 2>&1) || case $said in
*"not supported"* | *"not found"*) ;;
*)
	printf '%s\n' "$said" >&2
	rm -f -- "$upload"
	exit 1
	;;
esac
rm -f -- "$upload"
printf '%s\n' "$upload"
