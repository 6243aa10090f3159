#!/bin/sh
# Runs `go test` with the arguments given: `make e2e` calls it. That no test ran, because -run matches none, is an error.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# After Ctrl-C the tests remove their hosts, and still have something to say.
{
	"$@"
	echo $? >"$tmp/status"
} 2>&1 | tee -i "$tmp/said"
status=$(cat "$tmp/status")
if [ "$status" = 0 ] && ! grep -E '(^|"Output":")ok ' "$tmp/said" | grep -qv 'no tests to run'; then
	echo "No test ran: -run matches none. e2e/README.md has an example; add -v to see names." >&2
	exit 1
fi
exit "$status"
