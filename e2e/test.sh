#!/bin/sh
# Runs unit tests, then end-to-end tests: `make test` calls it. Where this machine can boot hosts all of them run; elsewhere
# it says what is not tested and why. In CI, and with RCPROV_NO_SKIP=1, nothing may be skipped.
set -eu
go=$1
no_skip=no
if [ "${CI:-}" = true ] || [ "${RCPROV_NO_SKIP:-}" = 1 ]; then no_skip=yes; fi
cores=$(getconf _NPROCESSORS_ONLN)
tmp=$(mktemp -d)
status=0
progress=
building=
trap '
	if [ -n "$progress" ]; then kill "$progress" 2>/dev/null || :; fi
	if [ -n "$building" ]; then wait "$building" || :; fi
	rm -rf "$tmp"
' EXIT

# What `make test` takes on two cores that have nothing else to do, in minutes; measured in CI.
unit=4
hosts=36

# run runs gotestsum, which ends with all that failed and all that was skipped.
run() {
	if [ $no_skip = yes ]; then
		# shellcheck disable=SC2016 # the variable is that of the command
		set -- --post-run-command 'sh -c "[ $TESTS_SKIPPED = 0 ] || { echo Here no test may be skipped. >&2; exit 1; }"' "$@"
	fi
	$go run gotest.tools/gotestsum@v1.13.0 --format-hide-empty-pkg "$@"
}

# Tests on hosts wait for a third of their time: one more at once than there are cores.
can_boot=yes packages=1 at_once=$((cores + 1))
reason=$($go run ./e2e/cmd/lab check 2>&1) || can_boot=no
case $can_boot:$reason in
yes:*nspawn*)
	# What hosts need is downloaded and built beside the unit tests.
	{ $go run ./e2e/cmd/lab build && $go run ./e2e/cmd/mirror -build; } >"$tmp/built" 2>&1 &
	building=$!
	;;
esac
if [ $can_boot = yes ]; then
	echo "On two cores, unit tests take about $unit minutes and tests on hosts about $hosts; this machine has $cores."
else
	echo "On two cores, unit tests take about $unit minutes; this machine has $cores. Tests on hosts can't run here."
fi

echo "Unit tests (1 of 2):"
run --format pkgname --packages './cmd/... ./modules/...'
if [ $can_boot = yes ]; then
	if [ -n "$building" ]; then
		wait "$building" || status=$?
		building=
		cat "$tmp/built"
		if [ $status != 0 ]; then exit $status; fi
	fi
	echo "Tests on hosts (2 of 2): $reason, up to $((packages * at_once)) tests at once."
	: >"$tmp/events"
	$go build -o "$tmp/progress" ./e2e/cmd/progress
	"$tmp/progress" -about ${hosts}m "$tmp/events" &
	progress=$!
	# Whole hosts depend on more than rcprov. Up to three tests that fail are tried once more, on fresh hosts. The output
	# names them in any case: each is a bug to be found.
	run --format testname --rerun-fails=1 --rerun-fails-max-failures=3 --rerun-fails-report="$tmp/flaky" \
		--jsonfile "$tmp/events" --packages ./e2e/... -- -count=1 -p "$packages" -parallel "$at_once" -timeout 60m || status=$?
	kill "$progress"
	wait "$progress" || :
	progress=
	if [ -s "$tmp/flaky" ]; then
		echo "FLAKY: each of these failed and then passed; what it said is above."
		cat "$tmp/flaky"
	fi
	exit $status
fi
if [ $no_skip = yes ]; then
	echo "$reason" >&2
	echo "and here no test may be skipped." >&2
	exit 1
fi
run --format pkgname --packages ./e2e/...
cat >&2 <<END

SKIPPED: conformance laws, scenarios and everything else in e2e that needs a host.
$reason
\`make lab-deps\` installs what is needed on Debian and Ubuntu; then run \`sudo -E make test\`.
END
