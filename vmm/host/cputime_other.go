//go:build !unix

package host

import "time"

// CPUTime is not known here.
func CPUTime() time.Duration { return 0 }
