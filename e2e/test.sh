#!/bin/sh
# Unit tests, then end-to-end tests, as `make test` runs them: where this machine can boot hosts all of them; elsewhere it
# says out loud what is not tested and why. In CI, and with RCPROV_NO_SKIP=1, nothing may be skipped.
set -eu
go=$1
no_skip=no
if [ "${CI:-}" = true ] || [ "${RCPROV_NO_SKIP:-}" = 1 ]; then no_skip=yes; fi
log=$(mktemp)
trap 'rm -f "$log" "$log.status"' EXIT

# run runs go test and shows of it what counts; without -v it would not tell of tests that were skipped.
run() {
	{
		status=0
		$go test -v "$@" 2>&1 || status=$?
		echo $status >"$log.status"
	} | tee "$log" | grep --line-buffered -vE '^(=== (RUN|PAUSE|CONT|NAME)| *--- PASS|PASS$|testing: warning: no tests to run)|\[no test files\]' || true
	status=$(cat "$log.status")
	[ "$status" = 0 ] || exit "$status"
	skipped=$(grep -cE '^ *--- SKIP' "$log" || true)
	[ "$skipped" != 0 ] || return 0
	echo "SKIPPED: $skipped tests, which say why above (--- SKIP)." >&2
	if [ $no_skip = yes ]; then
		echo "Here no test may be skipped." >&2
		exit 1
	fi
}

run ./cmd/... ./modules/...
if reason=$($go run ./e2e/cmd/lab check 2>&1); then
	echo "$reason"
	run -count=1 -p 1 -timeout 60m ./e2e/...
	exit
fi
if [ $no_skip = yes ]; then
	echo "$reason" >&2
	echo "and here no test may be skipped." >&2
	exit 1
fi
run ./e2e/...
cat >&2 <<END

SKIPPED: conformance laws, scenarios and everything else in e2e that needs a host.
$reason
\`make lab-deps\` installs what is needed on Debian and Ubuntu; then run \`sudo -E make test\`.
END
