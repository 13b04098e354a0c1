package timeline_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// BenchmarkTimeline tells what going somewhere costs beside a straight replay of
// the whole, in thousandths of it.
func BenchmarkTimeline(b *testing.B) {
	r := record(b, 3, 150)
	for name, e := range engines() {
		run, err := r.fresh(e)()
		ok(b, err)
		from := time.Now()
		_, err = run.Player.Run(r.end)
		ok(b, err)
		whole := time.Since(from)
		ok(b, run.Close())
		rng := rand.New(rand.NewPCG(1, 1))
		l := r.open(b, e, timeline.Options{Every: 1 << 18})
		anywhere := func() error {
			at := l.Start().At + vmm.Instant(rng.Uint64N(uint64(l.End().At-l.Start().At)))
			return l.Seek(b.Context(), vmm.Position{At: at, Inputs: tape.All})
		}
		for _, c := range []struct {
			what string
			op   func() error
		}{
			{"seek", anywhere},
			{"stepback", func() error { return l.Step(b.Context(), -1) }},
			{"insnback", func() error { return l.StepInsn(b.Context(), -1) }},
			{"insn", func() error { return l.StepInsn(b.Context(), 1) }},
		} {
			b.Run(name+"/"+c.what, func(b *testing.B) {
				ok(b, anywhere())
				for b.Loop() {
					ok(b, c.op())
				}
				b.ReportMetric(1000*b.Elapsed().Seconds()/float64(b.N)/whole.Seconds(), "straight/1000")
			})
		}
	}
}
