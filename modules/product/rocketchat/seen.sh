# A function for each.sh of package hostfile: it prints which modules are in a release, by the function of modules.sh, which comes
# before it.
look() { modules "$1/programs/server"; }
