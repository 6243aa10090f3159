# Removes what killed runs left in dir, the directory of challenges: files of the self-check, and answers for the account with
# a thumbprint.
: "${dir?}" "${thumbprint?}"

for file in "$dir"/*; do
	[ -f "$file" ] || continue
	case $file in "$dir"/rcprov-*)
		rm -f -- "$file"
		continue
		;;
	esac
	case $(head -c 512 -- "$file") in *."$thumbprint") rm -f -- "$file" ;; esac
done
