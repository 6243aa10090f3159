package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableANSI makes a console understand escape sequences; consoles before Windows 10 can't. The console keeps it
// after rcprov has ended, as it does for other programs.
func enableANSI(file *os.File) bool {
	handle := windows.Handle(file.Fd())
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
