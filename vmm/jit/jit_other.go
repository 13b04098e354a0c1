//go:build !linux || !amd64

package jit

import (
	"errors"

	"vmrecord/vmm/cpu"
)

// New says that there is no translator for this host.
func (o Options) New() (cpu.Translator, error) {
	return nil, errors.New("code is translated on Linux hosts with an amd64 processor only")
}
