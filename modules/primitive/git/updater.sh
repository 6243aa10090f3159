# Brings a repository to another version, with the rights of its owner. It comes behind start.sh, git.sh and checkout.sh.
: "${world?}" "${repo?}"

if [ "$world" != stranger ]; then
	is=$(strange)
	[ -z "$is" ] || fail strange "$is"
fi
# Of a git that the last shutdown ended.
if [ -e .git/index.lock ] && [ "$(stat -c %Y .git/index.lock)" -lt "$(sed -n 's/^btime //p' /proc/stat)" ]; then rm -f .git/index.lock; fi
git config remote.origin.url "$repo"
fetch
turn
