# Asks systemd for the properties of the units, into $shown, and reads their stamps, into $stamps. Prints, tab-separated:
#
#	enabled ID STATE  where the links of a unit are not as its UnitFileState has it: a unit in use keeps the state of
#	                  the last daemon-reload (seen with 252 and 257), systemctl is-enabled looks at the disk
#	linked ID         links that enable the unit are there, and its file is not
#	now SECONDS       the time, where systemd has restarted a service
#
# Needs systemctl.
: "${units?}" "${properties?}" "${stamp_files?}"

eval "set -- $stamp_files"
# shellcheck disable=SC2034 # for unitfiles.sh
stamps=$(cat -- "$@" 2>/dev/null)
eval "set -- $units"
shown=$(systemctl show --timestamp=us+utc -p "$properties" -- "$@")
nl='
' now=
set -f
IFS=$nl
for line in $shown; do
	case $line in
	Id=*) id=${line#*=} ;;
	Names=*) names=${line#*=} ;;
	NRestarts=[1-9]*) [ -n "$now" ] || {
		now=$(date +%s)
		printf 'now\t%s\n' "$now"
	} ;;
	UnitFileState= | UnitFileState=enabled | UnitFileState=disabled)
		links=disabled IFS=' '
		set +f
		for name in $names; do
			[ "$name" = "$id" ] || [ ! -L "/etc/systemd/system/$name" ] || links=enabled
			for link in /etc/systemd/system/*.wants/"$name" /etc/systemd/system/*.requires/"$name" /etc/systemd/system/*.upholds/"$name"; do
				[ ! -L "$link" ] || links=enabled
			done
		done
		set -f
		IFS=$nl
		case $line in *=)
			[ $links = disabled ] || printf 'linked\t%s\n' "$id"
			continue
			;;
		esac
		[ "$links" = "${line#*=}" ] || printf 'enabled\t%s\t%s\n' "$id" "$(systemctl is-enabled -- "$id" 2>/dev/null)"
		;;
	esac
done
