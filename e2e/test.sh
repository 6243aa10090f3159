#!/bin/sh
# Unit tests, then end-to-end tests, as `make test` runs them: where this machine can boot hosts all of them; elsewhere it
# says out loud what is not tested and why. In CI, and with RCPROV_NO_SKIP=1, nothing may be skipped.
set -eu
go=$1
no_skip=no
if [ "${CI:-}" = true ] || [ "${RCPROV_NO_SKIP:-}" = 1 ]; then no_skip=yes; fi
flaky=$(mktemp)
trap 'rm -f "$flaky"' EXIT

# run runs gotestsum, which ends with all that failed and all that was skipped.
run() {
	if [ $no_skip = yes ]; then
		# shellcheck disable=SC2016 # the variable is that of the command
		set -- --post-run-command 'sh -c "[ $TESTS_SKIPPED = 0 ] || { echo Here no test may be skipped. >&2; exit 1; }"' "$@"
	fi
	$go run gotest.tools/gotestsum@v1.13.0 --format-hide-empty-pkg "$@"
}

run --format pkgname --packages './cmd/... ./modules/...'
if reason=$($go run ./e2e/cmd/lab check 2>&1); then
	echo "$reason"
	# Whole hosts depend on more than rcprov. Up to three tests that fail are tried once more, on fresh hosts; that they
	# failed is told in any case, and nobody should get used to it.
	run --format testname --rerun-fails=1 --rerun-fails-max-failures=3 --rerun-fails-report="$flaky" \
		--packages ./e2e/... -- -count=1 -p 1 -timeout 60m
	if [ -s "$flaky" ]; then
		echo "FLAKY: each of these failed and then passed; what it said is above."
		cat "$flaky"
	fi
	exit
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
