#!/bin/sh
# End-to-end tests as part of `make test`: where this machine can boot hosts, all of them; elsewhere it says out loud
# what is not tested and why. In CI, and with RCPROV_NO_SKIP=1, nothing may be skipped.
set -eu
go=$1

if reason=$($go run ./e2e/cmd/lab check 2>&1); then
	echo "$reason"
	exec $go test -count=1 -p 1 -timeout 60m ./e2e/...
fi
if [ "${CI:-}" = true ] || [ "${RCPROV_NO_SKIP:-}" = 1 ]; then
	echo "$reason" >&2
	echo "and here no test may be skipped." >&2
	exit 1
fi
$go test ./e2e/...
cat >&2 <<END

SKIPPED: conformance laws, scenarios and everything else in e2e that needs a host.
$reason
\`make lab-deps\` installs what is needed on Debian and Ubuntu; then run \`sudo -E make test\`.
END
