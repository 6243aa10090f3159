# Stops and disables the unit, and removes its drop-in. Where there is no such unit, systemctl's complaint does not matter.
: "${unit?}" "${dropin?}"

systemctl --quiet disable --now -- "$unit" 2>/dev/null || ! systemctl --quiet is-active -- "$unit"
rm -f -- "$dropin"
systemctl daemon-reload
