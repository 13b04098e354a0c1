package export

import (
	"vmrecord/bundle/debug"
	"vmrecord/vmm/guestos"
)

// symbols writes the guest's kernel's own list of symbols, as an ELF file.
func symbols(j *job) error {
	if err := j.play(j.To, ears{}); err != nil {
		return err
	}
	l, err := guestos.Find(j.m.Mem, guestos.Of(j.m.CPU))
	if err != nil {
		return &NoLinuxError{err}
	}
	b, err := debug.KernelELF(l)
	if err == nil {
		_, err = j.w.Write(b)
	}
	return err
}

// A NoLinuxError says that what is asked for is only in a Linux guest's memory,
// and none is to be seen at that instant.
type NoLinuxError struct{ Err error }

func (e *NoLinuxError) Error() string { return e.Err.Error() }

// Unwrap is what package guestos said.
func (e *NoLinuxError) Unwrap() error { return e.Err }
