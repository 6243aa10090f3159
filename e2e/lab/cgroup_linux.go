package lab

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// cgroupTops are where control groups may be mounted: version 1 and hybrid (systemd, unified), or version 2.
var cgroupTops = []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"}

// ownCgroup is run by sh, and runs the systemd-nspawn of the machine $1, again each time that the machine reboots: with --keep-unit
// nspawn leaves that to its caller, and exits with 133 (EXIT_FORCE_RESTART in systemd's nspawn.c). With --keep-unit it also makes its
// groups below the one that it is started in: hosts started side by side would share them, and units of the same name on different
// hosts would then be one to the kernel.
const ownCgroup = `
boots=0
while [ "$boots" -lt 100 ]; do
	status=0
	sh -euc '
		name=$1
		shift
		for top in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
			if [ -w "$top/cgroup.procs" ]; then
				mkdir -p "$top/rcprov-lab/$name"
				echo $$ >"$top/rcprov-lab/$name/cgroup.procs"
			fi
		done
		exec systemd-nspawn "$@"
	' nspawn "$@" || status=$?
	[ "$status" = 133 ] || exit "$status"
	boots=$((boots + 1))
done
`

// removeCgroups removes the groups of a machine whose processes have all ended. What can't be removed yet stays: it
// is empty, and does not matter to the next machine.
func removeCgroups(machine string) {
	for _, top := range cgroupTops {
		var groups []string
		_ = filepath.WalkDir(filepath.Join(top, "rcprov-lab", machine), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		for _, group := range slices.Backward(groups) {
			_ = os.Remove(group)
		}
	}
}
