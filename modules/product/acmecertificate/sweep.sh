# Removes what killed runs left in the directory of challenges, in which it runs: files of the self-check, and answers for the
# account with a thumbprint.
: "${thumbprint?}"

for file in ./*; do
	is_file "$file" || continue
	case $file in ./rcprov-*)
		rm -f -- "$file"
		continue
		;;
	esac
	case $(head -c 512 -- "$file") in *."$thumbprint") rm -f -- "$file" ;; esac
done
