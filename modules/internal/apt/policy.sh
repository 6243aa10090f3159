# Prints what `apt-cache policy` says of packages, then, if $origins is yes, a line "sources" and what it says of all sources.
# Exits with the status of apt-cache. Nothing is written: apt builds its cache in memory.
: "${names?}" "${origins?}"

policy() { apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= policy -- "$@"; }
eval "set -- $names"
policy "$@" || exit
if [ "$origins" = yes ]; then
	echo sources
	policy
fi
