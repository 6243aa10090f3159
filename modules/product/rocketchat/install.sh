# Has user run npm install in a release of its own, with the programs in bin and, if not empty, deno, and load the modules
# native to see that they work: npm.sh. Needs the functions of packages hostfile and fetch.
: "${release?}" "${bin?}" "${deno?}" "${user?}" "${note?}" "${native?}" "${npm?}"

export PATH="$bin:${deno:+$deno:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 022
work=/var/cache/rcprov/npm-rocketchat
trap 'rm -rf -- "$work"; rmdir --ignore-fail-on-non-empty /var/cache/rcprov' EXIT
rm -rf -- "$work"
mkdir -p -- "${work%/*}"
mkdir -m 0700 -- "$work"
chown -- "$user:" "$work"
export HOME="$work" TMPDIR="$work" USER="$user" LOGNAME="$user"

# Node.js has its own list of CAs; the host may trust a company's CA as well.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -r $authorities ]; then export NODE_EXTRA_CA_CERTS=$authorities; fi
export release note native
door_enter "$release/.rcprov-npm" no
door_stranger "$(id -u -- "$user")" "$release"
export door_limit=3600
door_open no "$npm"
