# Prints, of each of names that apt has fetched, the one that it has not accepted if there is one:
#
#	index NAME
#	 LINE       for each line of its armored signatures, behind a space
#
# What apt could not verify it keeps in partial, until it can (apt 2.6, 3.0). That directory is the user _apt's, who then reads the
# file. Needs runuser(1).
: "${names?}"

cd /var/lib/apt/lists 2>/dev/null || exit 0
eval "set -- $names"
block='/^-----BEGIN PGP SIGNATURE-----/,/^-----END PGP SIGNATURE-----/s/^/ /p'
for name; do
	if [ -f "partial/$name" ]; then
		printf 'index %s\n' "$name"
		runuser -u "$(stat -c %U partial)" -- sed -n "$block" "partial/$name"
	elif [ -f "$name" ]; then
		printf 'index %s\n' "$name"
		sed -n "$block" "./$name"
	fi
done
