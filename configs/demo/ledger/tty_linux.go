package main

import (
	"os"
	"syscall"
	"unsafe"
)

// eachKey makes a terminal deliver each key at once and unechoed, and returns
// what undoes it. On anything but a terminal it does nothing. unsafe, because
// package syscall has no typed TCGETS and TCSETS.
func eachKey(f *os.File) (restore func()) {
	var old syscall.Termios
	ioctl := func(req uintptr, t *syscall.Termios) bool {
		_, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), req, uintptr(unsafe.Pointer(t)))
		return e == 0
	}
	if !ioctl(syscall.TCGETS, &old) {
		return func() {}
	}
	raw := old
	raw.Lflag &^= syscall.ICANON | syscall.ECHO
	raw.Cc[syscall.VMIN], raw.Cc[syscall.VTIME] = 1, 0
	if !ioctl(syscall.TCSETS, &raw) {
		return func() {}
	}
	return func() { ioctl(syscall.TCSETS, &old) }
}

// drain waits until the terminal has sent what was printed.
func drain(f *os.File) {
	const tcsbrk = 0x5409 // with argument 1: tcdrain
	syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), tcsbrk, 1)
}
