# Functions for scripts that change the firewall. Needs ufw, iptables and ip6tables.

# installed ends the script with status 127 unless ufw is installed.
installed() {
	[ -x /usr/sbin/ufw ] || {
		echo 'ufw is not installed' >&2
		exit 127
	}
}

# fw WORD... runs ufw; if it fails, the script ends and says which command did.
fw() {
	said=$(ufw "$@" 2>&1) || {
		printf 'ufw %s: %s\n' "$*" "$said" >&2
		exit 1
	}
}

# unload removes ufw's chains, and only those, from the kernel, and accepts all packets.
unload() {
	for tables in iptables ip6tables; do
		$tables -S >/dev/null 2>&1 || continue
		for chain in INPUT FORWARD OUTPUT; do $tables -P "$chain" ACCEPT; done
		# shellcheck disable=SC2086 # a rule is several words
		$tables -S | grep '^-A [A-Z]* -j ufw' | while read -r _ rule; do $tables -D $rule; done
		chains=$($tables -S | sed -n 's/^-N \(ufw.*\)/\1/p')
		for chain in $chains; do $tables -F "$chain"; done
		for chain in $chains; do $tables -X "$chain"; done
	done
}

# load loads the rules on disk into the kernel. ufw does so only if its chains do not exist; after a flush they exist, but are
# empty, without a jump to them and with the policy DROP: neither `ufw reload` nor disabling and enabling restores SSH (seen
# with 0.36.2). So they are removed first; meanwhile all packets are accepted, rather than none.
load() {
	unload
	said=$(/lib/ufw/ufw-init start 2>&1) || {
		printf 'ufw-init start: %s\n' "$said" >&2
		exit 1
	}
}
