# Prepares, in a directory below /run, what apt needs to try a source: the new key (standard input; the stored one if that is
# empty), the source with that key, and all sources of the host with the new one among them, which `apt-get indextargets`
# reads: it fails when two of them contradict each other. Prints a line "also in FILE" for each file that also has the
# repository if it fails. Needs apt-get.
#
# The user _apt can read the directory.
: "${dir?}" "${file?}" "${key?}" "${trial?}" "${source?}" "${uri?}"

umask 022
rm -rf -- "$dir"
mkdir -p -- "$dir/parts"
cat >"$dir/key.asc"
if [ ! -s "$dir/key.asc" ]; then cat -- "$key" >"$dir/key.asc"; fi
printf %s "$trial" >"$dir/trial.sources"
for f in /etc/apt/sources.list.d/*; do
	if [ -f "$f" ]; then cp -- "$f" "$dir/parts/"; fi
done
printf %s "$source" >"$dir/parts/$file"
if ! apt-get indextargets -o Dir::Etc::sourceparts="$dir/parts" >/dev/null; then
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
		case $f in
		*/"$file") ;;
		*) if grep -qF -- "$uri" "$f" 2>/dev/null; then echo "also in $f"; fi ;;
		esac
	done
	exit 1
fi
