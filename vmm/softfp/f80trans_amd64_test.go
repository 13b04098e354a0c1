package softfp

import (
	"math/bits"
	"strings"
	"testing"

	"vmrecord/vmm/softfp/hostfpu"
)

var transHost = map[string]hostOp{
	"F2XM1": hostfpu.F2xm1, "FYL2X": hostfpu.Fyl2x, "FYL2XP1": hostfpu.Fyl2xp1, "FPATAN": hostfpu.Fpatan,
	"FSIN": hostfpu.Fsin, "FCOS": hostfpu.Fcos, "FSINCOS": hostfpu.Fsincos, "FPTAN": hostfpu.Fptan,
}

// places is how many numbers away b is from a, of the same sign.
func places(a, b F80) uint64 {
	hi, lo := uint64(a.SE), a.Mant<<1
	lo, borrow := bits.Sub64(lo, b.Mant<<1, 0)
	hi -= uint64(b.SE) + borrow
	switch {
	case hi == 0:
		return lo / 2
	case hi == 1<<64-1:
		return -lo / 2
	}
	return 1 << 63
}

// TestTrans compares with the host: flags and C2 are equal, and so is what is
// not inexact with its C1; the other results, and the operands near each other,
// are at most one unit in the last place apart. -v prints how many are. With
// -update it stores some of our results.
func TestTrans(t *testing.T) {
	var lines strings.Builder
	for _, op := range x87TransOps() {
		host := transHost[op.name]
		pops := op.name == "FYL2X" || op.name == "FYL2XP1" || op.name == "FPATAN"
		r := newRand()
		var a, b F80
		var apart [2]int
		for i := range 60_000 {
			a = op.draw(r, b)
			b = op.draw(r, a)
			cw := control(r)
			want, hostSW := host(uint64(cw), m80(a), m80(b))
			got, below, sw := op.run(a, b, cw)
			wantSW := uint16(hostSW) & (c1 | c2 | All)
			mask, limit := uint16(0xffff), uint64(0)
			if sw&PE != 0 {
				mask, limit = ^uint16(c1), 1
			}
			e := FromFCW(cw, 0)
			if op.empty&^e.Masks&uint8(sw) != 0 {
				want = [2]hostfpu.M80{}
			}
			if pops {
				want[1] = m80(below)
			}
			d := max(places(got, f80(want[0])), places(below, f80(want[1])))
			if d > limit || (sw^wantSW)&mask != 0 {
				t.Errorf("seed %d: %s a=%x b=%x cw=%04x: %x %x sw %04x, host has %x sw %04x",
					seed, op.name, a, b, cw, got, below, sw, want, wantSW)
				break
			}
			if limit == 1 {
				apart[d]++
			}
			if i < 40 {
				lines.WriteString(op.line(a, b, cw) + "\n")
			}
		}
		t.Logf("%-8s inexact results equal %d, one unit apart %d", op.name, apart[0], apart[1])
	}
	store(t, "testdata/x87trans.txt", lines.String())
}
