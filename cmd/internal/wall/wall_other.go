//go:build !linux

package wall

import "syscall"

// Apart has a process start, which here is one of its own and no more.
func Apart() *syscall.SysProcAttr { return nil }

// Beside has a process start.
func Beside() *syscall.SysProcAttr { return nil }

// Limit bounds nothing here.
func Limit(int64) error { return nil }

// Enter encloses nothing here.
func (Wall) Enter() (lacks string, err error) { return noLandlock, nil }

// Enclose encloses nothing here.
func (Wall) Enclose() (lacks string, err error) { return noLandlock, nil }
