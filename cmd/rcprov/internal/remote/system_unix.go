//go:build !windows

package remote

import (
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// isOurs reports whether a file belongs to the user who runs rcprov.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// othersWrite reports whether somebody other than root and the user who runs rcprov may change a file. A group that is named like the
// user is the user's alone, as Debian's ssh has it.
func othersWrite(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Mode()&0o022 != 0
	}
	private := false
	if group, err := user.LookupGroupId(strconv.Itoa(int(stat.Gid))); err == nil {
		me, err := localUser()
		private = err == nil && me.name == group.Name
	}
	return info.Mode()&0o002 != 0 || info.Mode()&0o020 != 0 && !private || stat.Uid != 0 && int(stat.Uid) != os.Getuid()
}

// otherOwner returns who owns a file, as text behind its mode, if that is neither root nor the user who runs rcprov.
func otherOwner(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 || int(stat.Uid) == os.Getuid() {
		return ""
	}
	id := strconv.Itoa(int(stat.Uid))
	if owner, err := user.LookupId(id); err == nil {
		return ", owner " + owner.Username
	}
	return ", owner " + id
}

// inSession gives a child a session and process group of its own, as sshd does, so that Run can kill the group.
func inSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// killSession kills the child's process group. Programs that sudo runs as root end when their input does.
func killSession(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func exitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// hasTerminal reports whether this process has a controlling terminal, at which a child can ask.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}
