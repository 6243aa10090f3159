# Prints "update" if the package lists should be fetched (age.sh, which comes before this), then what apt-get prints that an upgrade
# would do. Nothing is written: apt builds its cache in memory, and has no log of how it came to that.
: "${upgrade?}"

DEBIAN_FRONTEND=noninteractive timeout 50 apt-get -s -q -o Debug::NoLocking=true -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
	-o Dir::Log::Planner=/dev/null -o Dir::Log::Solver=/dev/null "$upgrade"
