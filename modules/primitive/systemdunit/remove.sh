# Stops, disables and removes a unit. Prints nothing.
#
# The order matters if it is killed: as long as the unit file exists, systemd knows how to stop the unit and which links
# enable it.
: "${unit?}" "${files?}" "${limit?}"

case $(systemctl show -p ActiveState --value -- "$unit") in
inactive | failed) ;;
*) timeout "$limit" systemctl stop -- "$unit" ;;
esac
case $(systemctl is-enabled -- "$unit" 2>/dev/null) in enabled | enabled-runtime) systemctl disable -q -- "$unit" ;; esac
eval "set -- $files"
rm -f -- "$@"
[ ! -d "/etc/systemd/system/$unit.d" ] || rmdir --ignore-fail-on-non-empty -- "/etc/systemd/system/$unit.d"
systemctl daemon-reload
systemctl reset-failed -- "$unit" 2>/dev/null || true
