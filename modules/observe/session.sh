# Prints SSH_CONNECTION and USER of the login that this shell descends from, as in its environment, then a line
# "GROUPS=" with the groups of the user. Prints nothing where there is no such login. ancestors is ancestors.sh.
: "${ancestors?}"

environs=
eval "$ancestors"
for environ in $environs; do
	said=$(tr '\0' '\n' 2>/dev/null <"$environ" | grep '^\(SSH_CONNECTION\|USER\)=') || true
	case $said in
	*SSH_CONNECTION=*)
		printf '%s\n' "$said"
		user=${said##*USER=}
		printf 'GROUPS=%s\n' "$(id -Gn -- "${user%%[!A-Za-z0-9._-]*}" 2>/dev/null)"
		break
		;;
	esac
done
