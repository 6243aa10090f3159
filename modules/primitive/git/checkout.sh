# Functions behind git.sh that bring a repository to a version. Print what git prints.
: "${repo?}" "${version?}" "${commit?}" "${force?}" "${submodules?}" "${depth?}"

deep=${depth:+--depth=$depth}

# fetch gets the version, and sets commit.
fetch() {
	echo "asking the remote"
	if [ -n "$commit" ]; then
		has || git fetch ${deep:+"$deep"} --no-write-fetch-head --no-tags -q origin "$commit" || has ||
			git fetch ${deep:+"$deep"} --no-write-fetch-head --no-tags -q origin '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*' || fail remote
		has || fail version
		return
	fi
	ref=$version into=refs/rcprov/head
	if [ "$version" != HEAD ]; then
		refs=$(git ls-remote -q origin "refs/heads/$version" "refs/tags/$version") || fail remote
		case $refs in
		*refs/heads/*) ref=refs/heads/$version into=refs/remotes/origin/$version ;;
		*refs/tags/*) ref=refs/tags/$version into=$ref ;;
		*) fail version ;;
		esac
	fi
	git fetch ${deep:+"$deep"} --no-write-fetch-head --no-tags -q origin "+$ref:$into" || fail remote
	commit=$(git rev-parse -q --verify "$into^{commit}") || fail version
}

has() { git cat-file -e "$commit^{commit}" 2>/dev/null; }

# turn checks out the commit, and what its submodules are to be. If a submodule can't be fetched, it turns back.
turn() {
	echo "checking out"
	was=$(git rev-parse -q --verify 'HEAD^{commit}') || was=
	to "$commit" || fail checkout
	if [ "$submodules" = yes ] && [ -e .gitmodules ]; then
		echo "fetching submodules"
		if ! git submodule -q sync --recursive >&2 || ! git submodule -q update --init --recursive ${deep:+"$deep"} ${hard:+"$hard"} >&2; then
			[ -z "$was" ] || { to "$was" && git submodule -q update --no-fetch --recursive; } || :
			fail submodules
		fi
	fi
	git update-ref refs/rcprov/version "$commit"
}

hard=
[ "$force" = no ] || hard=--force
to() { git checkout -q ${hard:+"$hard"} --no-recurse-submodules --detach "$1"; }
