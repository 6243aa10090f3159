#!/bin/sh
# Runs `go test` with the arguments given: `make e2e` calls it. Where they have -run, only the packages with such a test are built.
# That no test ran, because -run matches none, is an error.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# tests_of PATTERN prints the part of a pattern of -run that is about the names of tests: behind no slash, in no parentheses.
tests_of() {
	printf '%s\n' "$1" | awk '{
		for (i = 1; i <= length($0); i++) {
			c = substr($0, i, 1)
			if (c == "\\") { if (!below) names = names c substr($0, i + 1, 1); i++; continue }
			if (c == "[" || c == "(") depth++
			if (c == "]" || c == ")") depth--
			if (depth == 0 && c == "/") below = 1
			if (depth == 0 && c == "|") below = 0
			if (!below) names = names c
		}
		print names
	}'
}

# packages PATTERN prints the directories with a test that matches, ./e2e/... if there is none.
packages() {
	names=$(tests_of "$1")
	find e2e -name '*_test.go' -exec awk -v names="$names" '/^func Test/ {
		name = $0
		sub(/^func /, "", name)
		sub(/\(.*/, "", name)
		if (name ~ names) { sub(/\/[^\/]*$/, "", FILENAME); print "./" FILENAME; nextfile }
	}' {} + 2>/dev/null | sort -u | grep . || echo ./e2e/...
}

pattern='' previous=''
for argument; do
	case $argument in
	-run=* | --run=*) pattern=${argument#*=} ;;
	*) case $previous in -run | --run) pattern=$argument ;; esac ;;
	esac
	previous=$argument
done
if [ -n "$pattern" ]; then
	for argument; do
		shift
		if [ "$argument" = ./e2e/... ]; then
			# shellcheck disable=SC2046 # a list
			set -- "$@" $(packages "$pattern")
		else
			set -- "$@" "$argument"
		fi
	done
fi

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
