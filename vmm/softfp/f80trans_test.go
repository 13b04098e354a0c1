package softfp

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// A transOp is a transcendental with its reference. Operands are drawn with
// exponents from lo to below hi, half of the time.
type transOp struct {
	x87Op
	lo, hi int
	ref    func(a, b *big.Float) *big.Float // of outcome.r; nil if tested as another
}

// within draws a number with an exponent from lo to below hi.
func within(r *rand.Rand, lo, hi int) F80 {
	a := operand80(r, F80{})
	return F80{a.Mant | 1<<63, a.SE&0x8000 | uint16(bias80+lo+r.IntN(hi-lo))}
}

func transOps() []transOp {
	op := func(name string, lo, hi int, ref func(a, b *big.Float) *big.Float, soft func(e *Env, a, b F80) outcome) transOp {
		draw := func(r *rand.Rand, near F80) F80 {
			if r.IntN(2) == 0 {
				return operand80(r, near)
			}
			return within(r, lo, hi)
		}
		return transOp{x87Op{name, soft, draw, NoResult}, lo, hi, ref}
	}
	two := func(f func(e *Env, a, b F80) F80) func(e *Env, a, b F80) outcome {
		return func(e *Env, a, b F80) outcome { return outcome{r: f(e, a, b)} }
	}
	angular := func(f func(e *Env, a F80) (F80, bool)) func(e *Env, a, b F80) outcome {
		return func(e *Env, a, b F80) outcome {
			r, partial := f(e, a)
			return outcome{r, b, uint16(bit(partial)) * c2}
		}
	}
	pushing := func(f func(e *Env, a F80) (F80, F80, bool)) func(e *Env, a, b F80) outcome {
		return func(e *Env, a, b F80) outcome {
			below, top, partial := f(e, a)
			if partial {
				return outcome{a, b, c2}
			}
			return outcome{top, below, 0}
		}
	}
	return []transOp{
		op("F2XM1", -70, 0, refExp, func(e *Env, a, b F80) outcome { return outcome{r: Exp80(e, a), below: b} }),
		op("FYL2X", -70, 70, refLog, two(Log80)),
		op("FYL2XP1", -70, 0, refLog1p, two(Log1p80)),
		op("FPATAN", -70, 70, refAtan, two(Atan80)),
		op("FSIN", -70, 63, refSin, angular(Sin80)),
		op("FCOS", -70, 63, refCos, angular(Cos80)),
		op("FSINCOS", -70, 63, nil, pushing(SinCos80)),
		op("FPTAN", -70, 63, nil, pushing(Tan80)),
		// What FPTAN leaves below the 1 that it pushes.
		op("FPTAN_below", -70, 63, refTan, angular(func(e *Env, a F80) (F80, bool) {
			r, _, partial := Tan80(e, a)
			return r, partial
		})),
	}
}

func x87TransOps() (list []x87Op) {
	for _, o := range transOps() {
		if o.name != "FPTAN_below" {
			list = append(list, o.x87Op)
		}
	}
	return list
}

// TestTransGolden: every host computes the same.
func TestTransGolden(t *testing.T) { goldenX87(t, "testdata/x87trans.txt", x87TransOps()) }

// edges are significands of 1, √2, π, ln 2, and their neighbours.
var edges = []uint64{
	1 << 63, 1<<63 + 1, 1<<64 - 1, 0xb504f333f9de6484, 0xb504f333f9de6485, 0xc90fdaa22168c234, 0xc90fdaa22168c235, 0xb17217f7d1cf79ac,
}

// TestTransRounding compares with arithmetic of 600 bits: every result is the
// right one for its rounding mode, and so is C1.
func TestTransRounding(t *testing.T) {
	modes := [...]big.RoundingMode{Nearest: big.ToNearestEven, Down: big.ToNegativeInf, Up: big.ToPositiveInf, Zero: big.ToZero}
	for _, op := range transOps() {
		if op.ref == nil {
			continue
		}
		r := newRand()
		for i := range 250 {
			a, b := within(r, op.lo, op.hi), within(r, -70, 70)
			if i < 4*len(edges) {
				a = F80{edges[i/4], a.SE&0x8000 | bias80 - 1 + uint16(i&3)}
			}
			if a.exp() >= bias80 && op.hi == 0 {
				a.SE = bias80 - 1
			}
			if op.name == "FYL2X" {
				a.SE &= max80
			}
			want, flags := op.ref(wide(a), wide(b)), uint8(PE)
			if want.Sign() == 0 {
				flags = 0 // log2 of 1
			}
			for rc, mode := range modes {
				cw := uint16(0x37f | rc<<10)
				e := FromFCW(cw, 0)
				got := wide(op.soft(&e, a, b).r)
				rounded := new(big.Float).SetMode(mode).SetPrec(64).Set(want)
				up := new(big.Float).Abs(rounded).Cmp(new(big.Float).Abs(want)) > 0
				if got.Cmp(rounded) != 0 || e.C1 != up || e.Flags != flags {
					t.Fatalf("seed %d: %s a=%x b=%x cw=%04x: %.25g, want %.25g; C1 %v, flags %02x", seed, op.name, a, b, cw, got, want, e.C1, e.Flags)
				}
			}
		}
	}
}

// TestTransMonotone: between neighbours no result steps back.
func TestTransMonotone(t *testing.T) {
	one := F80{1 << 63, bias80}
	for _, s := range []struct {
		name string
		lo   int
		hi   int
		f    func(e *Env, a F80) F80
	}{
		{"F2XM1", -60, 0, Exp80},
		{"FYL2X", -60, 60, func(e *Env, a F80) F80 { return Log80(e, a, one) }},
		{"FYL2XP1", -60, 60, func(e *Env, a F80) F80 { return Log1p80(e, a, one) }},
		{"FPATAN", -60, 60, func(e *Env, a F80) F80 { return Atan80(e, one, a) }},
		{"FSIN", -60, 0, func(e *Env, a F80) F80 { r, _ := Sin80(e, a); return r }},
		{"FPTAN", -60, 0, func(e *Env, a F80) F80 { r, _, _ := Tan80(e, a); return r }},
	} {
		r := newRand()
		for range 500 {
			e := FromFCW(0x37f, 0)
			a := within(r, s.lo, s.hi)
			a.SE &= max80
			last := s.f(&e, a)
			for range 8 {
				if a.Mant++; a.Mant == 0 {
					break
				}
				v := s.f(&e, a)
				if Cmp80(&e, v, last, true) == Less {
					t.Fatalf("seed %d: %s of %x is %x, less than that of its predecessor, %x", seed, s.name, a, v, last)
				}
				last = v
			}
		}
	}
}

// TestTransTables computes the tables again.
func TestTransTables(t *testing.T) {
	same := func(name string, i int, got frac, want *big.Int) {
		g := new(big.Int).Lsh(new(big.Int).SetUint64(got.hi), 64)
		if g.Or(g, new(big.Int).SetUint64(got.lo)); g.Cmp(want) != 0 {
			t.Errorf("%s[%d] is %x, want %x", name, i, g, want)
		}
	}
	one := new(big.Int).Lsh(big.NewInt(1), 128)
	for i, c := range coefficients[factorials] {
		same("factorials", i, c, new(big.Int).Quo(one, new(big.Int).MulRange(1, int64(i)+2)))
	}
	for i, c := range coefficients[odds][:26] {
		same("odds", i, c, new(big.Int).Quo(one, big.NewInt(int64(2*i+3))))
	}
	for i, c := range arcs[1:] {
		v := arctanOf(quo(number(int64(i)+1), number(16)))
		want, _ := v.SetMantExp(v, 127-int(c.exp)).Int(nil)
		same("arcs", i+1, frac{c.hi, c.lo}, want)
	}
}

func BenchmarkTrans(b *testing.B) {
	x, y := F80{0xa12fdaa22168c235, 0x3ffe}, F80{0xb17217f7d1cf79ac, 0x3fff}
	for _, op := range x87TransOps() {
		b.Run(op.name, func(b *testing.B) {
			e := FromFCW(0x37f, 0)
			for b.Loop() {
				op.soft(&e, x, y)
			}
		})
	}
}
