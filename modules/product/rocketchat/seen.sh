# Prints a line for each of releases: which modules are in it, by the function of modules.sh, which comes before it.
: "${releases?}"

eval "set -- $releases"
for release; do modules "$release/programs/server"; done
