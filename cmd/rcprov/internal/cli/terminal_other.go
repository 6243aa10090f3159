//go:build !windows

package cli

import "os"

// enableANSI has nothing to do where terminals understand escape sequences from the start.
func enableANSI(*os.File) bool { return true }
