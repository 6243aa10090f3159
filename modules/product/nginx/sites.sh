# Prints, of the files that nginx reads, and those of conf.d and sites-enabled that it may not read, what decides who answers for a
# name: a line "PATH<tab>WHAT" for each file that begins as rcprov's do ("ours"), for each beginning of a server block ("server"),
# and for each listen, server_name, include and server_names_hash_bucket_size. Needs awk.
: "${header?}" "${etc?}"

tab=$(printf '\t')
set -- "$etc"/nginx.conf "$etc"/conf.d/*.conf "$etc"/sites-enabled/*
seen=$tab
depth=0
while [ $((depth += 1)) -le 4 ]; do # of includes
	for file; do
		shift
		case $seen in *"$tab$file$tab"*) continue ;; esac
		seen=$seen$file$tab
		if [ -f "$file" ] && [ -r "$file" ]; then set -- "$@" "$file"; fi
	done
	[ $# -gt 0 ] || break
	found=$(header=$header awk '
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
				if (word ~ /^include /) gsub(/["'\'']/, "", word)
				if (end == "{" && word == "server") print FILENAME "\tserver"
				if (end == ";" && word ~ /^(listen|server_name|include|server_names_hash_bucket_size) /) print FILENAME "\t" word
			}
		}' "$@")
	printf '%s\n' "$found"
	set --
	while IFS=$tab read -r file what; do
		case $what in
		"include "*/mime.types | "include "mime.types | "include "*_params) continue ;; # the package's, without servers
		"include /"*) what=${what#include } ;;
		"include "*) what=$etc/${what#include } ;;
		*) continue ;;
		esac
		IFS=
		# shellcheck disable=SC2086 # a pattern
		set -- "$@" $what
		unset IFS
	done <<RCPROV
$found
RCPROV
done
