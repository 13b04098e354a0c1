package linuxtest

import (
	"testing"
	"time"

	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/host"
)

// BenchmarkBoot reports millions of retired instructions per second of the
// process's CPU time, of a boot to user space on each engine.
func BenchmarkBoot(b *testing.B) {
	f, err := files()
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range []machine.Engine{machine.JIT, machine.Interp} {
		b.Run(string(e), func(b *testing.B) {
			retired, used := uint64(0), time.Duration(0)
			for b.Loop() {
				g := f.bootOn(b, e, quick)
				g.connect(host.Virtual)
				from := host.CPUTime()
				g.until(b, "== up")
				used += host.CPUTime() - from
				retired += g.Retired()
			}
			b.ReportMetric(float64(retired)/1e6/used.Seconds(), "MIPS")
			b.ReportMetric(float64(retired)/1e6/float64(b.N), "Minstructions/op")
		})
	}
}
