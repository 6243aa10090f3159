# Starts, restarts or reloads a unit and waits for it. Prints the time when it began, in seconds since 1970, and on a second
# line "ended" if the program has ended since.
#
# It resets the limit on frequent starts, which is for programs that crash, not for a person who tries again. For the listed
# types systemctl returns before the program has done anything; after half a second those that can't read their
# configuration have ended.
: "${unit?}" "${verb?}" "${limit?}"

date +%s
[ "$verb" = reload ] || systemctl reset-failed -- "$unit" 2>/dev/null || true
timeout "$limit" systemctl "$verb" -- "$unit"
[ "$verb" != reload ] || exit 0
case $(systemctl show -p Type --value -- "$unit") in simple | exec | forking | idle) ;; *) exit 0 ;; esac
pid=$(systemctl show -p MainPID --value -- "$unit")
sleep 0.5
[ "$pid" = "$(systemctl show -p MainPID --value -- "$unit")" ] || echo ended
