# Puts a file in place as a whole or not at all. Its content is standard input; or the file upload, which root has written
# where nobody else can, and which is the new file itself if it is beside it; with packed, upload is compressed, for gzip(1).
# Prints nothing; a validate command that refuses ends what it printed on standard error with "rcprov-validate STATUS", where
# STATUS is missing if there is no such program. It comes behind door.sh.
: "${path?}" "${mode?}" "${owner?}" "${group?}" "${keep?}" "${backup?}" "${upload?}" "${packed?}" "${validate?}" "${old_sum?}" "${writer?}"

trap 'if [ -n "$upload" ]; then rm -f -- "$upload"; fi' EXIT
door_enter "$path" no
[ "$keep" = yes ] || door_want "$owner" "$group"
if [ "$packed" = yes ]; then
	packed=$upload upload=$upload.whole
	# Beside the file, it needs no second copy.
	if door_private; then upload=./.${door_name?}.rcprov; fi
	trap 'rm -f -- "$packed" "$upload"' EXIT
	rm -f -- "$upload"
	(umask 077 && gzip -dc <"$packed" >"$upload")
	rm -f -- "$packed"
fi
beside=no
# shellcheck disable=SC2154,SC3013 # door_enter sets door_name; dash, bash and busybox have -ef
if [ -n "$upload" ] && [ -z "$door_x" ] && [ "$upload" -ef "./.$door_name.rcprov" ]; then
	beside=yes upload=
elif [ -n "$upload" ]; then
	exec <"$upload"
fi
export path mode owner group keep old_sum backup beside validate
if [ -n "$backup" ] && [ -n "$door_x" ]; then door_backup "$backup"; fi
door_open no "$writer"
