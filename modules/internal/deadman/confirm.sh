# Confirms the change, over a connection that is $newer than the change. Prints one word:
#
#	confirmed   nothing takes the change back any more
#	applied     it was made, but the connection is not newer: nothing was done
#	early       it is not made yet
#	late        it was decided already
#	gone        there is no such attempt
#
# It comes behind switch.sh.
: "${newer?}" "${dir?}" "${boot?}" "${wanted?}"

word=gone
for state in arming armed restoring restored confirmed; do # in this order: who moves on meanwhile is met again
	if ours $state; then
		word=$state
		break
	fi
done
case $word in
gone)
	echo gone
	exit
	;;
arming)
	echo early
	exit
	;;
armed) ;;
*)
	echo late
	exit
	;;
esac
cd "$dir" || exit
if [ ! -e applied ]; then
	echo early
	exit
fi
if [ "$newer" = no ]; then
	echo applied
	exit
fi
mv armed confirmed 2>/dev/null || {
	echo late
	exit
}
sync -- .
disarm
sync -- "${boot%/*}" "${wanted%/*}"
find . -mindepth 1 -maxdepth 1 ! -name confirmed -exec rm -rf {} +
echo confirmed
