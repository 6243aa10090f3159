# Appends $lines to the file $path, which only root can read. It prints nothing, but complaints. Needs coreutils.
: "${path?}" "${lines?}"

(
	umask 077
	mkdir -p "${path%/*}" && printf %s "$lines" >>"$path" && sync "$path"
)
