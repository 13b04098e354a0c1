//go:build unix

package cli

import (
	"os/signal"
	"syscall"
)

// tolerateFullDisk makes the host's limit on a file's size (ulimit -f) an error
// of the write, as a full disk is, instead of a signal that ends the program and
// the guest with it.
func tolerateFullDisk() { signal.Ignore(syscall.SIGXFSZ) }
