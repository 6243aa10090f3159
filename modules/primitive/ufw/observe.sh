# Prints what ufw's files and the kernel say, for parseState: "ufw installed" or "ufw missing", "lost FILE" for each file of
# rules that is missing or empty, which is the same to ufw-init, "nftables.service" if that is enabled, the lines of the files,
# of SSH_CONNECTION and of the kernel's rules that the parser reads, and the host's addresses (`ip -o addr`) if interfaces is yes or a rule has an interface. With applications, also
# the profiles of applications, each behind the path of its file. ask prints the state of the dead man's switch, before and after all that; ancestors is
# ancestors.sh of package observe. Needs sed; nft, or iptables and ip6tables; and ip (iproute2).
: "${interfaces?}" "${applications?}" "${ask?}" "${ancestors?}"

if [ -x /usr/sbin/ufw ]; then
	echo 'ufw installed'
	for file in before user after before6 user6 after6; do
		[ -s "/etc/ufw/$file.rules" ] || echo "lost /etc/ufw/$file.rules"
	done
else
	echo 'ufw missing'
	if [ ! -r /etc/ufw/ufw.conf ] || [ ! -r /etc/default/ufw ]; then exit 0; fi
fi
eval "$ask"
if [ -L /etc/systemd/system/sysinit.target.wants/nftables.service ]; then echo 'nftables.service'; fi
set -- /etc/ufw/ufw.conf /etc/default/ufw /etc/ufw/user.rules /etc/ufw/user6.rules
if [ "$applications" = yes ]; then
	for file in /etc/ufw/applications.d/*; do
		# The files that ufw reads: get_profiles of its applications.py.
		case $file in *.dpkg-new | *.dpkg-old | *.dpkg-dist | *.rpmnew | *.rpmsave | *~) continue ;; esac
		if [ -f "$file" ]; then set -- "$@" "$file"; fi
	done
fi
environs=
eval "$ancestors"
# shellcheck disable=SC2086 # words without spaces
set -- "$@" $environs

kernel() {
	# shellcheck disable=SC3013 # dash and busybox have -ef
	if [ /usr/sbin/iptables -ef /usr/sbin/xtables-nft-multi ] && nft -st list ruleset 2>/dev/null; then return; fi
	echo 'iptables 4'
	iptables -S
	echo 'iptables 6'
	exec ip6tables -S
}
answer=$(kernel | sed -nE -e '
	s/.*(SSH_CONNECTION=[0-9a-zA-Z.:%]* [0-9]* [0-9a-zA-Z.:%]* [0-9]*).*/\1/p
	/^### tuple/p
	/^(ENABLED|LOGLEVEL|IPV6|DEFAULT_[A-Z]*_POLICY)=/p
	/^\[.*\]/F
	/^\[.*\]|^[Pp][Oo][Rr][Tt][Ss] *[=:]/p
	/^iptables [46]$|^-P |^-N |^-A (INPUT|FORWARD|OUTPUT|ufw6?-user-(input|output|forward)) /p
	/^table /p
	/(counter jump|-j) ufw6?-(before-logging|after|after-logging|reject|track)-(input|output|forward)$|^-N ufw/d
	/^	chain (INPUT|FORWARD|OUTPUT|ufw6?-user-(input|output|forward)) \{$/,/^	\}$/{
		p
		d
	}
	/^	chain ufw/d
	/^	chain |^		type .* hook /p
' "$@" -)
printf '%s\n' "$answer"
case $interfaces$answer in yes* | *in_*) ip -o addr 2>/dev/null ;; esac
eval "$ask"
