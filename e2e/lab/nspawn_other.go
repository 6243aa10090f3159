//go:build !linux

package lab

import "errors"

// noNspawn stands for the nspawn backend where there can be none.
type noNspawn struct{ Backend }

func newNspawn(Config) Backend { return noNspawn{} }

func (noNspawn) Name() string  { return "nspawn" }
func (noNspawn) Usable() error { return errors.New("needs Linux") }
