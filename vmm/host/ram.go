package host

import (
	"fmt"
	"math"
	"math/bits"
)

// Alloc returns size bytes of zeroed memory for guest RAM, and a function that
// gives it back. It is outside the Go heap where the host can do that.
func Alloc(size uint64) ([]byte, func(), error) {
	if size > math.MaxInt {
		return nil, nil, fmt.Errorf("allocate %d MiB of guest memory: a %d-bit program has no room for more than %d MiB; use a 64-bit one",
			size>>20, bits.UintSize, math.MaxInt>>20)
	}
	return alloc(int(size))
}
