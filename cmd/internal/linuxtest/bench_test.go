package linuxtest

import (
	"testing"
	"time"

	"vmrecord/vmm/host"
)

// BenchmarkBoot reports millions of retired instructions per second of the
// process's CPU time, of a boot to user space.
func BenchmarkBoot(b *testing.B) {
	retired, used := uint64(0), time.Duration(0)
	for b.Loop() {
		g := boot(b, quick)
		g.connect(host.Virtual)
		from := host.CPUTime()
		g.until(b, "== up")
		used += host.CPUTime() - from
		retired += g.Retired()
	}
	b.ReportMetric(float64(retired)/1e6/used.Seconds(), "MIPS")
	b.ReportMetric(float64(retired)/1e6/float64(b.N), "Minstructions/op")
}
