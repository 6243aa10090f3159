# put PATH CONTENT writes a file (mode 0644, of root), whole or not at all. The directory is made if it isn't there.
put() {
	tmp=${1%/*}/.${1##*/}.rcprov
	# shellcheck disable=SC2174 # the directories above are there
	mkdir -p -m 0755 -- "${1%/*}"
	rm -f -- "$tmp"
	printf %s "$2" >"$tmp"
	chown root:root -- "$tmp"
	chmod 0644 -- "$tmp"
	sync -- "$tmp"
	mv -fT -- "$tmp" "$1"
}
