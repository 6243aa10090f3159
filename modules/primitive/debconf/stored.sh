# Prints of debconf's database, for each of the questions (between spaces), a line "Name: QUESTION" and a line "Value: ANSWER",
# then "templates" and a line "Name: QUESTION" for each whose template exists (names: these lines). Needs awk and grep.
: "${questions?}" "${names?}"

cd /var/cache/debconf 2>/dev/null || exit 0
set --
for f in config.dat passwords.dat; do
	if [ -e "$f" ]; then set -- "$@" "$f"; fi
done
if [ $# -eq 0 ] || [ ! -e templates.dat ]; then exit 0; fi
questions=$questions awk '
/^Name: / { wanted = index(ENVIRON["questions"], " " substr($0, 7) " ") }
wanted && /^(Name|Value):/
' "$@" || exit 2
printf 'templates\n'
grep -xF "$names" templates.dat || [ $? -eq 1 ]
