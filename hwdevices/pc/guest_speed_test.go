//go:build unix

package pc_test

import (
	"syscall"
	"testing"
	"time"

	"vmrecord/configs/bare"
)

// cpuTime is what this process has used of the host's processors.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMIPS reports millions of retired instructions per second of the
// process's CPU time.
func BenchmarkMIPS(b *testing.B) {
	for _, c := range []struct {
		name string
		o    bare.Options
	}{
		{"integer", bare.Options{Work: 50e6}},
		{"all", bare.Options{Work: 20e6, Float: true, APIC: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			retired, used := uint64(0), time.Duration(0)
			for b.Loop() {
				g := boot(b, c.o, 0)
				from := cpuTime(b)
				g.finish(b)
				used += cpuTime(b) - from
				retired += g.Retired()
			}
			b.ReportMetric(float64(retired)/1e6/used.Seconds(), "MIPS")
		})
	}
}
