# Runs apt-get if there is anything for it to do; then, whether it failed or not, puts packages on hold and takes the hold
# from others: apt-get drops the hold of what it changes; and marks packages as installed by hand. Where apt goes on with previous
# lists (update.sh), notes in $failed what was installed from them. Removes files if apt-get succeeded. Exits with the status of apt-get.
: "${apt_get?}" "${hold?}" "${unhold?}" "${manual?}" "${names?}" "${failed?}" "${remove?}"

status=0
eval "set -- $apt_get"
[ $# = 0 ] || "$@" || status=$?
eval "set -- $hold"
[ $# = 0 ] || apt-mark hold "$@" >/dev/null
eval "set -- $unhold"
[ $# = 0 ] || apt-mark unhold "$@" >/dev/null
eval "set -- $manual"
[ $# = 0 ] || apt-mark manual "$@" >/dev/null
eval "set -- $names"
if [ "$status" = 0 ] && [ $# != 0 ] && [ -s "$failed" ]; then printf 'package %s\n' "$@" >>"$failed"; fi
eval "set -- $remove"
if [ "$status" = 0 ] && [ $# != 0 ]; then rm -f -- "$@"; fi
exit $status
