//go:build !linux

package lab

import (
	"context"
	"errors"
)

// Images are those that can be had without mmdebstrap: none yet.
func (*qemu) Images() []string { return nil }

func canBuildDisks() error { return errors.New("its disks are built on Linux only") }

func diskRecipe(string) (string, error) { return "", canBuildDisks() }

func (*qemu) installDisk(context.Context, string, *identity, string) error { return canBuildDisks() }
