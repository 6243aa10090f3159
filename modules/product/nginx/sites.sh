# Prints, of the files of nginx that rcprov or an administrator writes, what decides who answers for a name: a line
# "PATH<tab>WHAT" for each file that begins as rcprov's do ("ours"), for each beginning of a server block ("server"), and for each
# listen, server_name and server_names_hash_bucket_size. Needs awk.
: "${header?}" "${etc?}"

set -- "$etc"/nginx.conf "$etc"/conf.d/*.conf "$etc"/sites-enabled/*
for file; do
	shift
	if [ -f "$file" ] && [ -r "$file" ]; then set -- "$@" "$file"; fi
done
[ $# -gt 0 ] || exit 0
header=$header awk '
	FNR == 1 { text = ""; if ($0 == ENVIRON["header"]) print FILENAME "\tours" }
	{
		sub(/(^|[ \t])#.*/, "")
		text = text " " $0
		while (match(text, /[;{}]/)) {
			end = substr(text, RSTART, 1)
			word = substr(text, 1, RSTART - 1)
			text = substr(text, RSTART + 1)
			gsub(/[ \t\r]+/, " ", word)
			sub(/^ /, "", word)
			sub(/ $/, "", word)
			if (end == "{" && word == "server") print FILENAME "\tserver"
			if (end == ";" && word ~ /^(listen|server_name|server_names_hash_bucket_size) /) print FILENAME "\t" word
		}
	}' "$@"
