# Makes a repository in the current directory, which is empty, with the rights of its owner. It comes behind git.sh and checkout.sh.
: "${repo?}"

git init -q .
git config remote.origin.url "$repo"
git config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'
fetch
turn
sync -f .
