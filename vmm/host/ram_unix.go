//go:build unix

package host

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Outside the Go heap, pages that a guest never touches cost nothing, and the
// collector never looks at the rest.
func alloc(size int) ([]byte, func(), error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("allocate %d MiB of guest memory: %w; give the guest less: --memory", size>>20, err)
	}
	return b, func() { _ = unix.Munmap(b) }, nil
}
