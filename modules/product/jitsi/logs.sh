# Prints the path and the last three errors and warnings of each log that has any.
: "${logs?}"

eval "set -- $logs"
for log; do
	[ -r "$log" ] || continue
	lines=$(tail -n 300 -- "$log" | grep -iE 'severe|warn|error|exception|fail' | tail -n 3) || true
	[ -z "$lines" ] || printf '%s:\n%s\n' "$log" "$lines"
done
