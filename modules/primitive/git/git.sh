# Functions for scripts that run git with the rights of the owner of a checkout, behind start.sh or alone. Needs git, and for SSH ssh.
: "${ssh?}" "${host_keys?}"

umask 022
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_CONFIG_PARAMETERS
export GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=true GIT_SSH_COMMAND="$ssh" RCPROV_HOST_KEYS="$host_keys"
# A directory above is another repository: never go up to it.
GIT_CEILING_DIRECTORIES=$(pwd -P)
export GIT_CEILING_DIRECTORIES="${GIT_CEILING_DIRECTORIES%/*}"

# Nothing of the repository runs by itself. What a checkout was is in refs/rcprov, not in logs.
git() {
	command git -c core.fsmonitor=false -c core.hooksPath=/dev/null -c core.logAllRefUpdates=false -c advice.detachedHead=false \
		-c gc.auto=0 -c maintenance.auto=false "$@"
}

say() { printf 'rcprov-git %s\n' "$*"; }

fail() {
	echo "rcprov-problem $*" >&2
	exit 1
}

# Where root works, nobody else may have written what git reads first. strange prints the first name that somebody may have.
strange() {
	for f in . .git .git/config .git/HEAD .git/index .git/info .git/objects .git/refs .git/modules; do
		if [ -L "$f" ]; then
			echo "$f"
			return
		elif [ -e "$f" ]; then
			is=$(stat -c '%u %f' -- "$f")
			case $is in "$(id -u) "*[02468ace][014589cd]) ;; *)
				echo "$f"
				return
				;;
			esac
		fi
	done
}
