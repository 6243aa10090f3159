# Prints who listens on the sockets "PROTOCOL:PORT":
#
#	socket PROTOCOL ADDRESS:PORT users:(("PROGRAM",pid=PID,fd=FD),...)
#	cgroup PID PATH         the control group of each of these processes, cgroups(7)
#	end                     the last line
#
# Needs ss, checked with iproute2 6.1 and 6.15.
: "${sockets?}"

all=$(ss -Hlntup) || exit
seen=' '
while read -r protocol _ _ _ here _ users; do
	case " $sockets " in *" $protocol:${here##*:} "*) ;; *) continue ;; esac
	printf 'socket %s %s %s\n' "$protocol" "$here" "$users"
	while case $users in *pid=*) true ;; *) false ;; esac do
		users=${users#*pid=}
		pid=${users%%,*}
		case $seen in *" $pid "*) continue ;; esac
		seen="$seen$pid "
		while IFS= read -r line; do
			case $line in 0::* | *:name=systemd:*) printf 'cgroup %s %s\n' "$pid" "${line#*:*:}" ;; esac
		done 2>/dev/null <"/proc/$pid/cgroup"
	done
done <<RCPROV
$all
RCPROV
echo end
