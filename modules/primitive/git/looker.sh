# The part of look.sh in the directory of the checkout, with the rights of its owner. It comes behind start.sh and git.sh. Nothing is
# written: git would refresh its index otherwise (GIT_OPTIONAL_LOCKS in git(1)).
: "${world?}" "${submodules?}"

export GIT_OPTIONAL_LOCKS=0
if [ ! -d .git ] || [ -L .git ]; then
	is=full
	[ -n "$(ls -A)" ] || is=empty
	say there $is
	exit
fi
say there repository
if [ "$world" != stranger ]; then
	is=$(strange)
	if [ -n "$is" ]; then
		say strange "$is"
		exit
	fi
fi
head=$(git rev-parse -q --verify 'HEAD^{commit}') || head=
say head "$head"
say url "$(git config --get remote.origin.url)" || :
if [ -n "$head" ] && [ "$(git rev-parse -q --verify refs/rcprov/version)" != "$head" ]; then
	say ahead "$(git rev-list --count HEAD --not --remotes --tags --glob=refs/rcprov)"
fi
ignore=all
[ "$submodules" = no ] || ignore=none
git status --porcelain --untracked-files=no --ignore-submodules=$ignore | while IFS= read -r line; do say edit "$line"; done
if [ "$submodules" = yes ] && [ -e .gitmodules ]; then
	git submodule status --recursive | while read -r state name _; do
		case $state in -*) say submodule "$name" ;; esac
	done
fi
