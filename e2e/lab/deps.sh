#!/bin/sh
# Installs what the lab needs on Debian and Ubuntu to boot containers or QEMU's machines, if it is missing. Elsewhere it says
# what to install.
set -eu

lab=${RCPROV_LAB:-nspawn}
if [ "$(uname -s)" != Linux ] || [ "$lab" = multipass ] || [ "$lab" = vagrant ]; then
	command -v multipass >/dev/null || command -v vagrant >/dev/null || {
		echo "The lab boots hosts with Multipass (https://canonical.com/multipass/install) or Vagrant" >&2
		echo "(https://developer.hashicorp.com/vagrant/install) here. Install one of them." >&2
		exit 1
	}
	exit 0
fi

packages=
need() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || packages="$packages $2"; }
if [ "$lab" = qemu ]; then
	need qemu-system-x86_64 qemu-system-x86
	need qemu-img qemu-utils
	need mke2fs e2fsprogs
	[ "$(id -u)" = 0 ] || need newuidmap uidmap # mmdebstrap without root
fi
if [ "$lab" = nspawn ]; then
	need systemd-nspawn systemd-container
	need ip iproute2
	need iptables iptables
fi
need mmdebstrap mmdebstrap
need ssh openssh-client
need sshd openssh-server
need sudo sudo
need npm npm                                                                 # fetches what the mirror is made of
need python3 python3                                                         # prints secrets in other forms for a unit test
need shellcheck shellcheck                                                   # make lint
for shell in dash bash busybox; do need $shell $shell; done                  # a unit test parses all scripts in each
python3 -m pip --version >/dev/null 2>&1 || packages="$packages python3-pip" # fetches the mirror's Linux mongod
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || packages="$packages debian-archive-keyring"
[ -n "$packages" ] || exit 0

command -v apt-get >/dev/null || {
	echo "The lab needs systemd-nspawn, mmdebstrap, ip, iptables and ssh. Install these with your package manager," >&2
	echo "or Multipass (https://canonical.com/multipass/install)." >&2
	exit 1
}
as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	echo "The next step installs packages and needs root; sudo may ask for your password."
fi
echo "Installing what the lab needs to boot hosts:$packages"
# shellcheck disable=SC2016,SC2086 # a script, for a list of words
# A test machine must not start an sshd or other daemons of its own because of it.
$as_root env DEBIAN_FRONTEND=noninteractive sh -euc '
	apt-get update -qq
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf "#!/bin/sh\nexit 101\n" >$policy
		chmod +x $policy
		trap "rm -f $policy" EXIT
	fi
	apt-get install -qq -y --no-install-recommends "$@" >/dev/null
' sh $packages
