# Makes the place for the upload of a file free, and fails early and with a reason (SFTP has only "failure") when there is
# no room for it. Where a file system can't tell, the upload will. Prints where to upload to: beside the file where nobody
# but root may write, so that a rename is enough; else, and if packed says that it is compressed, the path store, in a directory that
# only root can enter. Needs fallocate (util-linux). It comes behind door.sh.
: "${path?}" "${size?}" "${store?}" "${packed?}" "${owner?}" "${group?}" "${keep?}"

door_enter "$path" no
[ "$keep" = yes ] || door_want "$owner" "$group"
umask 077
beside=no upload=$store
if door_private; then beside=yes upload=${path%/*}/.${path##*/}.rcprov; fi
[ "$beside$packed" = yesno ] || mkdir -p -- "${store%/*}"
rm -f -- "$upload" "$store.whole"
said=$(fallocate -l "$size" -- "$upload" 2>&1) || case $said in
*"not supported"* | *"not found"*) ;;
*)
	printf '%s\n' "$said" >&2
	rm -f -- "$upload"
	exit 1
	;;
esac
rm -f -- "$upload"
if [ "$packed" = yes ]; then
	upload=$store
	rm -f -- "$upload"
fi
printf '%s\n' "$upload"
