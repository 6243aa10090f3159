# Prints what a user sees of the file of its keys: a line "stat MODE UID PATH" for each of home, directory and file, "error TEXT"
# if stat(1) complains, and "content BASE64" or "unreadable". Each line begins with the number of the question.
: "${number?}" "${home?}" "${path?}"

IFS="
"
for line in $(stat -L -c "$number stat %f %u %n" -- "$home" "${path%/*}" "$path" 2>&1); do
	case $line in "$number "*) printf '%s\n' "$line" ;; *) printf '%s error %s\n' "$number" "$line" ;; esac
done
if [ -f "$path" ]; then
	printf '%s content ' "$number"
	if base64 -w0 <"$path" 2>/dev/null; then echo; else printf '\n%s unreadable\n' "$number"; fi
fi
