# A function for npm.sh and seen.sh: modules SERVER prints in a word which modules are below a release's programs/server, where
# npm or Meteor's bundler put them, with their binaries. It reads no file, because a user owns the directory; it starts one
# program.

modules() {
	(
		cd -- "$1" 2>/dev/null || { echo none && exit; }
		sum=$(for file in node_modules/*/package.json node_modules/@*/*/package.json node_modules/*/node_modules/*/package.json \
			npm/node_modules/*/package.json npm/node_modules/@*/*/package.json \
			node_modules/*/build/Release/*.node npm/node_modules/*/build/Release/*.node node_modules/@*/*/lib/*.node; do
			if [ -e "$file" ]; then printf '%s\n' "$file"; fi
		done | LC_ALL=C cksum)
		echo "${sum%% *}-${sum#* }"
	)
}
