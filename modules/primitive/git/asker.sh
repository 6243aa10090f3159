# Asks the remote for a branch or tag. It comes behind git.sh.
: "${repo?}" "${version?}"

if [ "$version" = HEAD ]; then
	set -- HEAD
else
	set -- "refs/heads/$version" "refs/tags/$version" "refs/tags/$version^{}"
fi
said=$(timeout 20 git ls-remote -q -- "$repo" "$@") || {
	[ $? != 124 ] || echo "it has not answered within 20 seconds"
	exit 1
}
printf '%s\n' "$said" | while read -r commit ref; do [ -z "$ref" ] || say remote "$commit" "$ref"; done
say asked
