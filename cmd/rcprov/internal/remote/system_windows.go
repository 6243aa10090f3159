package remote

import (
	"io/fs"
	"os"
	"os/exec"
)

// isOurs reports false: OpenSSH for Windows has no ControlMaster.
func isOurs(fs.FileInfo) bool { return false }

// othersWrite reports false: rights of Windows are not looked at.
func othersWrite(fs.FileInfo) bool { return false }

// otherOwner returns nothing: see othersWrite.
func otherOwner(fs.FileInfo) string { return "" }

// There are no local hosts on Windows (connectLocal), so these have nothing to do.

func inSession(*exec.Cmd) {}

func killSession(*exec.Cmd) {}

func exitStatus(state *os.ProcessState) int { return state.ExitCode() }

// hasTerminal reports true: a child stays at the console, and there are no process groups to kill.
func hasTerminal() bool { return true }
