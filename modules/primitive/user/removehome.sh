# The part of remove.sh in the directory of a home, or of a mailbox.
: "${to?}"
: "${uid?}" "${what?}"

[ "$(stat -c %u -- "$to" 2>/dev/null)" = "$uid" ] || exit 0
if [ "$what" = home ]; then rm -rf --one-file-system -- "$to"; else rm -f -- "$to"; fi
