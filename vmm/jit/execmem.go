//go:build linux && amd64

package jit

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"
)

// A codeMemory is memory for emitted code, mapped twice so that no page is
// ever both writable and executable at one address: w to write, at x to run.
type codeMemory struct {
	w []byte
	x uintptr
}

const sysMemfdCreate = 319 // no name in package syscall

// newCodeMemory maps n bytes, a multiple of a page.
func newCodeMemory(n int) (m codeMemory, err error) {
	name := [...]byte{'v', 'm', 'r', 'e', 'c', 'o', 'r', 'd', 0}
	const mfdCloexec, mfdExec = 1, 16
	fd, _, no := syscall.Syscall(sysMemfdCreate, uintptr(unsafe.Pointer(&name[0])), mfdCloexec|mfdExec, 0)
	if no == syscall.EINVAL { // before Linux 6.3 there is no MFD_EXEC
		fd, _, no = syscall.Syscall(sysMemfdCreate, uintptr(unsafe.Pointer(&name[0])), mfdCloexec, 0)
	}
	if no != 0 {
		return m, fmt.Errorf("no memory for translated code: memfd_create: %w", no)
	}
	defer func() { err = errors.Join(err, syscall.Close(int(fd))) }()
	if err = syscall.Ftruncate(int(fd), int64(n)); err != nil {
		return m, fmt.Errorf("no memory for translated code: %w", err)
	}
	x, _, no := syscall.Syscall6(syscall.SYS_MMAP, 0, uintptr(n), syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_SHARED, fd, 0)
	if no != 0 {
		return m, fmt.Errorf("this host refuses executable memory: %w", no)
	}
	if m.w, err = syscall.Mmap(int(fd), 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err != nil {
		_, _, _ = syscall.Syscall(syscall.SYS_MUNMAP, x, uintptr(n), 0)
		return m, fmt.Errorf("no memory for translated code: %w", err)
	}
	m.x = x
	return m, nil
}

func (m *codeMemory) free() error {
	if m.w == nil {
		return nil
	}
	_, _, no := syscall.Syscall(syscall.SYS_MUNMAP, m.x, uintptr(len(m.w)), 0)
	err := syscall.Munmap(m.w)
	m.w = nil
	if no != 0 {
		return no
	}
	return err
}

// newArena maps an arena outside the collector's memory. free gives it back.
func newArena() (a *arena, free func() error, err error) {
	b, err := syscall.Mmap(-1, 0, int(unsafe.Sizeof(arena{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("no memory for the translator: %w", err)
	}
	return (*arena)(unsafe.Pointer(&b[0])), func() error { return syscall.Munmap(b) }, nil
}
