package timer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

// program gives a counter a mode and a count, and moves gate 2.
func program(rng *rand.Rand, r *devtest.Rig) string {
	p, n := devtest.Port(0), uint16(rng.IntN(3))
	switch rng.IntN(6) {
	case 0:
		r.PortOut(p+3, 1, uint64(n)<<6|3<<4|rng.Uint64N(16))
		r.PortOut(p+n, 1, rng.Uint64N(256))
		r.PortOut(p+n, 1, rng.Uint64N(4))
	case 1:
		r.PortOut(devtest.Port(1), 1, rng.Uint64N(16))
	case 2:
		r.PortOut(p+3, 1, 0xc0|rng.Uint64N(64))
	case 3:
		r.PortOut(p+n, 1, rng.Uint64N(256))
	case 4:
		r.Advance(r.Now() + vmm.Instant(rng.Uint64N(1<<22)))
	}
	return fmt.Sprint(r.PortIn(p+n, 1), r.PortIn(devtest.Port(1), 1))
}

func TestI8254(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(I8254) }, program)
}

// Window 0 is the chip, window 1 is port 61h. A CLK period is 838.095 ns.
func TestI8254Behaviour(t *testing.T) {
	for name, script := range map[string]string{
		"mode 0: OUT rises N+1 CLK after the write": `
			out 0.3 30
			line 0 0
			out 0.0 3
			out 0.0 0
			until 3352ns
			line 0 0
			until 3353ns
			line 0 1
			time 1ms
			line 0 1
			out 0.0 9           # the first byte drops OUT and stops
			line 0 0
			time 1ms
			line 0 0`,
		"mode 2: low for one CLK each N": `
			out 0.3 34
			out 0.0 4
			out 0.0 0
			line 0 1
			until 3353ns        # 1 to load + 3
			line 0 0
			until 4191ns
			line 0 1
			until 6705ns
			line 0 0
			until 7543ns
			line 0 1`,
		"mode 3: odd count, high one longer": `
			out 0.3 36
			out 0.0 5
			out 0.0 0
			until 3352ns        # 1 to load + 3 high
			line 0 1
			until 3353ns
			line 0 0
			until 5029ns        # 2 low
			line 0 1`,
		"mode 4: a strobe of one CLK": `
			out 0.3 18
			out 0.0 3
			until 3352ns
			line 0 1
			until 3353ns
			line 0 0
			until 4191ns
			line 0 1
			time 1s
			line 0 1`,
		"mode 1: gate 2 triggers": `
			out 0.3 92
			out 0.2 5
			in 1.0 20
			time 100us
			out 1.0 1
			time 1us
			in 1.0 1            # OUT2 low
			time 5us
			in 1.0 31`,
		"counter 2 as delays are measured, mode 0": `
			out 1.0 1
			out 0.3 b0
			out 0.2 ff
			out 0.2 ff
			in 1.0 1
			until 54925us       # 65536 CLK
			in 1.0 1
			until 54926us
			in 1.0 21`,
		"latch": `
			out 0.3 34
			out 0.0 0
			out 0.0 10
			until 10us          # 11 CLK: one to load, 10 counted
			out 0.3 0
			time 100us
			out 0.3 0           # a second latch is ignored
			in 0.0 f6
			in 0.0 f
			in 0.0 7e           # then it runs on
			in 0.0 f`,
		"read-back of status, then count": `
			out 0.3 36
			out 0.3 e2          # status of counter 0
			in 0.0 f6           # OUT high, null count
			out 0.0 64
			out 0.0 0
			time 2us
			out 0.3 c2          # count and status
			in 0.0 b6
			in 0.0 62
			in 0.0 0`,
		"BCD": `
			out 0.3 31
			out 0.0 0
			out 0.0 10          # 1000
			until 2us           # 2 CLK
			in 0.0 99
			in 0.0 9`,
		"least and most significant byte only": `
			out 0.3 14
			out 0.0 80
			time 2us
			in 0.0 7f
			in 0.0 7f
			out 0.3 24
			out 0.0 80
			time 2us
			in 0.0 7f
			out 0.3 20          # other modes 6, 7 are 2, 3
			out 0.3 ac
			out 0.3 e8
			in 0.2 e4
			in 0.3 ff`,
		"mode 2: a new count waits for the period's end": `
			out 0.3 14
			out 0.0 64          # 100
			time 2us
			out 0.0 a
			out 0.3 e2
			in 0.0 d4           # null count
			until 84us          # 100 CLK: not yet
			line 0 0
			until 85us
			out 0.3 e2
			in 0.0 94
			line 0 1
			until 93us          # 110 CLK
			line 0 0`,
		"gate stops counter 2 in mode 0": `
			out 0.3 90
			out 0.2 64
			time 10us
			in 0.2 64
			out 1.0 1
			time 10us
			in 0.2 58
			out 1.0 0
			time 10us
			in 0.2 58`,
		"refresh toggles each 15.09 us": `
			until 15085ns
			in 1.0 0
			until 15086ns
			in 1.0 10
			until 30172ns
			in 1.0 0`,
	} {
		t.Run(name, func(t *testing.T) { devtest.Play(t, new(I8254), script) })
	}
}

// next names exactly the CLK periods at which out changes.
func TestNextIsWhereOutChanges(t *testing.T) {
	for mode := range uint8(6) {
		for _, n := range []uint16{1, 2, 3, 4, 5, 10, 11, 200} {
			c := counter{Mode: mode, RW: 3, Gate: true, CR: n, Written: true}
			c.load(8)
			want := c.next(7)
			for clk := uint64(8); clk < 700; clk++ {
				if was, is := c.out(clk-1), c.out(clk); was != is && clk > 8 && want != clk {
					t.Errorf("mode %d, count %d: OUT changes at %d, next said %d", mode, n, clk, want)
				}
				if clk == want || want <= 7 {
					want = c.next(clk)
				}
			}
		}
	}
}

// naive is the counting element stepped CLK by CLK (data sheet, "Mode
// Definitions"), for modes 2 and 3.
type naive struct {
	n, ce uint32
	mode  uint8
	out   bool
}

func (s *naive) clk() {
	if s.mode == 2 {
		if s.ce--; s.ce == 0 {
			s.ce = s.n
		}
		s.out = s.ce != 1
		return
	}
	// An odd count is loaded less one; in the high half expiry waits one CLK more.
	switch {
	case s.ce > 2 || s.ce == 2 && s.out && s.n&1 != 0:
		s.ce -= 2
	default:
		s.out, s.ce = !s.out, s.n&^1
	}
}

func TestAgainstNaiveCounter(t *testing.T) {
	for _, mode := range []uint8{2, 3} {
		for n := uint16(2); n < 40; n++ {
			c := counter{Mode: mode, RW: 3, Gate: true, CR: n, Written: true}
			c.load(0)
			s := naive{uint32(n), uint32(n), mode, true}
			if mode == 3 {
				s.ce &^= 1
			}
			for clk := range uint64(500) {
				if c.value(clk) != uint16(s.ce) || c.out(clk) != s.out {
					t.Fatalf("mode %d, count %d, CLK %d: %d %v, want %d %v", mode, n, clk, c.value(clk), c.out(clk), s.ce, s.out)
				}
				s.clk()
			}
		}
	}
}
