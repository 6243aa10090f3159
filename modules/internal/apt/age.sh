# Prints "first-boot" while cloud-init is at work, and "update" when the package lists should be fetched: there are none,
# they are older than $minutes, a source is newer than they are, or some of them could not be fetched ten minutes ago ($failed).
: "${minutes?}" "${failed?}"

if [ -e /run/cloud-init/enabled ] && [ ! -e /run/cloud-init/result.json ]; then echo first-boot; fi
set -- /var/lib/apt/lists/*_Packages*
if [ ! -e "$1" ]; then
	echo update
	exit
fi
# The second file is where Ubuntu notes a successful update.
fresh=$(find /var/lib/apt/lists /var/lib/apt/periodic/update-success-stamp -maxdepth 0 -mmin "-$minutes" 2>/dev/null) || :
newer=$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer /var/lib/apt/lists 2>/dev/null) || :
again=$(find "$failed" -mmin +10 2>/dev/null) || :
if [ -z "$fresh" ] || [ -n "$newer$again" ]; then echo update; fi
