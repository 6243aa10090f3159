# Prints "INDEX BASE64 BASE64" for each program: what it wrote to standard output, at most one byte more than the limit, and the end of
# what it wrote to standard error, with its exit status as the last line. Each program is a function of its own, which is asked by
#
#	printed_answer 0 program_0
#
# Needs base64 and timeout (coreutils).
: "${printed_limit?}"

# The two streams go separate ways without a temporary file: 4 is the answer, 3 the text of the variable.
printed_answer() {
	answer=$(
		exec 4>&1
		said=$({ printed_run "$2" | head -c "$printed_limit" | base64 -w0 >&4; } 3>&1)
		[ "${#said}" -le 600 ] || said=$(printf %s "$said" | tail -c 600)
		printf ' %s' "$(printf %s "$said" | base64 -w0)"
	)
	printf '%s %s\n' "$1" "$answer"
}

printed_run() {
	("$1") 2>&3 3>&- 4>&-
	printf '\n%s' "$?" >&3
}
