//go:build unix

package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is the processor time that this process has used, in user and system.
func CPUTime() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
