package softfp

// The transcendental instructions (SDM vol. 1, 8.3.7 to 8.3.10; vol. 2, F2XM1 to
// FYL2XP1). The manual promises an error below one unit in the last place and
// leaves the last bit to the processor. Here, results have 128 bits with an
// error below 2^-120 and are then rounded by RC, so that all but one in some
// 2^55 are rounded correctly, and C1 tells about that rounding. Like the
// processors we give 64 bits whatever the precision control says.
//
// What is done with zeros, infinities, NaNs, denormals and operands out of range
// was measured on a Zen 4, and so was this: PE is set even where the result is
// exact, unless an operand makes it 0, 1 or infinite; UE with it where such a
// result is denormal.

// inexact80 is pack80 for results that count as inexact though they be exact.
func (e *Env) inexact80(x exact) F80 {
	r := e.pack80(x, 64)
	switch {
	case x.kind == finite && r.SE&max80 == 0:
		e.raise(UE | PE)
	default:
		e.raise(PE)
	}
	return r
}

// denormal80 raises DE for a denormal operand and tells whether to give up.
func (e *Env) denormal80(x, y num) bool {
	e.C1 = false
	de := denormals(x, y)
	return de != 0 && e.raise(de)
}

// invalid80 is the response to operands for which there is no result.
func (e *Env) invalid80() F80 {
	e.C1 = false
	e.raise(IE)
	return Indefinite80()
}

// Exp80 returns 2^a - 1 (F2XM1). Below -1 and above 1, where the manual defines
// nothing, the result is a; for minus infinity it is -1.
func Exp80(e *Env, a F80) F80 {
	if r, done := e.special80(a, a); done {
		return r
	}
	x := a.unpack()
	if e.denormal80(x, x) {
		return a
	}
	switch {
	case x.kind == inf && x.neg:
		return F80{1 << 63, 1<<15 | bias80}
	case x.kind != finite:
		return a
	case x.exp >= 0:
		r := x.exact()
		if x.neg && a.Mant == 1<<63 && x.exp == 0 {
			r.exp = -1
		}
		return e.inexact80(r)
	}
	return e.inexact80(expm1(x.exact()))
}

// Log80 returns b log2 a (FYL2X).
func Log80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	x, y := a.unpack(), b.unpack()
	one := x.kind == finite && x.exp == 0 && x.mant == 1<<63
	switch {
	case x.neg && x.kind != zero,
		x.kind != finite && y.kind == zero,
		one && y.kind == inf:
		return e.invalid80()
	case x.kind == zero && y.kind == finite:
		return e.settle80(exact{kind: inf, neg: !y.neg}, ZE, 64)
	case e.denormal80(x, y):
		return F80{}
	case one:
		return F80{0, sign80(y.neg)}
	case x.kind != finite || y.kind != finite:
		return limit(x.kind == zero || x.kind == finite && x.exp < 0, x, y)
	}
	return e.inexact80(log2(x.exact()).mul(y.exact()))
}

// limit is a product of y and a logarithm, one of which is infinite or y 0; neg
// is the logarithm's sign.
func limit(neg bool, x, y num) F80 {
	s := sign80(neg != y.neg)
	if x.kind == finite && y.kind == zero {
		return F80{0, s}
	}
	return F80{1 << 63, s | max80}
}

// Log1p80 returns b log2(a + 1) (FYL2XP1), with the same accuracy for all a
// above -1, though the manual promises it from √½-1 to 1-√½ only. For finite a
// from -1 down, where it defines nothing, the result is a.
func Log1p80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	x, y := a.unpack(), b.unpack()
	switch {
	case x.kind == inf && (x.neg || y.kind == zero), x.kind == zero && y.kind == inf:
		return e.invalid80()
	case e.denormal80(x, y):
		return F80{}
	case x.kind == zero:
		return F80{0, sign80(x.neg != y.neg)}
	case x.kind != finite || y.kind != finite:
		return limit(x.neg, x, y)
	case x.neg && x.exp >= 0:
		return e.inexact80(x.exact())
	}
	return e.inexact80(log2p1(x.exact()).mul(y.exact()))
}

// Atan80 returns the angle of the point a, b: arctan(b/a) in the half plane of
// positive a (FPATAN). Infinite coordinates of equal size are equal.
func Atan80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	x, y := a.unpack(), b.unpack()
	if e.denormal80(x, y) {
		return F80{}
	}
	r := Pi.of()
	switch {
	case x.kind == inf && y.kind == inf:
		x.kind, y.kind, x.exp, y.exp, x.mant, y.mant = finite, finite, 0, 0, 1<<63, 1<<63
		r = arctan2(y, x)
	case y.kind == zero || x.kind == inf:
		if !x.neg {
			return F80{0, sign80(y.neg)}
		}
	case x.kind == zero || y.kind == inf:
		r.exp--
	default:
		r = arctan2(y, x)
	}
	r.neg = y.neg
	return e.inexact80(r)
}

// An angle is an operand of FSIN, FCOS, FSINCOS or FPTAN that is no NaN.
type angle struct {
	n    uint64 // quadrant, modulo 4
	r    exact
	neg  bool
	zero bool
}

// angle80 deals with the operands that have no sine: done then tells that both
// results are v, partial that the operand is out of range.
func (e *Env) angle80(a F80) (g angle, v F80, done, partial bool) {
	if v, done = e.special80(a, a); done {
		return g, v, true, false
	}
	x := a.unpack()
	switch {
	case x.kind == inf:
		return g, e.invalid80(), true, false
	case x.kind == finite && x.exp >= 63:
		e.C1 = false
		return g, a, true, true
	case e.denormal80(x, x):
		return g, a, true, false
	case x.kind == zero:
		return angle{neg: x.neg, zero: true}, v, false, false
	}
	g.r, g.n = quadrant(x)
	g.neg = x.neg
	return g, v, false, false
}

// sin and cos return the functions rounded.
func (g *angle) sin(e *Env) F80 {
	if g.zero {
		return F80{0, sign80(g.neg)}
	}
	r := g.at(g.n)
	r.neg = r.neg != g.neg
	return e.inexact80(r)
}

func (g *angle) cos(e *Env) F80 {
	if g.zero {
		return F80{1 << 63, bias80}
	}
	return e.inexact80(g.at(g.n + 1))
}

// at returns sin(r + nπ/2).
func (g *angle) at(n uint64) exact {
	r := sine
	if n&1 != 0 {
		r = cosine
	}
	v := r(g.r)
	v.neg = v.neg != (n&2 != 0)
	return v
}

// Sin80 returns sin a (FSIN). For |a| of 2^63 and more it is partial (C2): the
// result is a, and there is no exception. Below, the multiples of π/2 that are
// taken off are those of a π of 66 bits.
func Sin80(e *Env, a F80) (r F80, partial bool) {
	g, r, done, partial := e.angle80(a)
	if !done {
		r = g.sin(e)
	}
	return r, partial
}

// Cos80 returns cos a (FCOS), otherwise as Sin80.
func Cos80(e *Env, a F80) (r F80, partial bool) {
	g, r, done, partial := e.angle80(a)
	if !done {
		r = g.cos(e)
	}
	return r, partial
}

// SinCos80 returns both (FSINCOS, which pushes the cosine); partial leaves only
// sin, which is a. C1 is the cosine's.
func SinCos80(e *Env, a F80) (sin, cos F80, partial bool) {
	g, r, done, partial := e.angle80(a)
	if done {
		return r, r, partial
	}
	sin = g.sin(e)
	e.C1 = false
	return sin, g.cos(e), false
}

// Tan80 returns tan a and what FPTAN pushes, which is 1 unless a is invalid or a
// NaN; partial leaves only tan, which is a.
func Tan80(e *Env, a F80) (tan, one F80, partial bool) {
	g, r, done, partial := e.angle80(a)
	one = F80{1 << 63, bias80}
	switch {
	case done:
		return r, r, partial
	case g.zero:
		return F80{0, sign80(g.neg)}, one, false
	}
	t := tangent(g.r, g.n&1 != 0)
	t.neg = t.neg != g.neg
	return e.inexact80(t), one, false
}
