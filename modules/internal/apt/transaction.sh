# Runs apt-get if there is anything for it to do; then, whether it failed or not, puts packages on hold and takes the hold
# from others: apt-get drops the hold of what it changes; and marks packages as installed by hand. Exits with the status of
# apt-get.
: "${apt_get?}" "${hold?}" "${unhold?}" "${manual?}"

status=0
eval "set -- $apt_get"
[ $# = 0 ] || "$@" || status=$?
eval "set -- $hold"
[ $# = 0 ] || apt-mark hold "$@" >/dev/null
eval "set -- $unhold"
[ $# = 0 ] || apt-mark unhold "$@" >/dev/null
eval "set -- $manual"
[ $# = 0 ] || apt-mark manual "$@" >/dev/null
exit $status
