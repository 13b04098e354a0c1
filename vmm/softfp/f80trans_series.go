package softfp

import "math/bits"

// Arithmetic of the transcendentals: numbers with 128 significant bits (exact)
// and fractions of 128 bits (frac). Products and quotients are truncated, with
// an error below 2^-125 of the result; they are exact where they fit.

// A frac is a number from 0 to 1 in units of 2^-128.
type frac struct{ hi, lo uint64 }

// times returns x × y, at most three units too small.
func (x frac) times(y frac) frac {
	hi, lo := bits.Mul64(x.hi, y.hi)
	a, _ := bits.Mul64(x.hi, y.lo)
	b, _ := bits.Mul64(x.lo, y.hi)
	lo, c := bits.Add64(lo, a, 0)
	hi += c
	lo, c = bits.Add64(lo, b, 0)
	return frac{hi + c, lo}
}

func (x frac) plus(y frac) frac {
	lo, c := bits.Add64(x.lo, y.lo, 0)
	return frac{x.hi + y.hi + c, lo}
}

func (x frac) minus(y frac) frac {
	lo, b := bits.Sub64(x.lo, y.lo, 0)
	return frac{x.hi - y.hi - b, lo}
}

// A polynomial has the coefficients c0, c1, c2, ...: every step-th of a row from
// first to last.
type polynomial struct{ row, first, last, step int }

// at returns z(c0 + z(c1 + z(c2 + ...))), or with alternate
// z(c0 - z(c1 - z(c2 - ...))).
func (p polynomial) at(z frac, alternate bool) frac {
	v := coefficients[p.row][p.last].times(z)
	for i := p.last - p.step; i >= p.first; i -= p.step {
		if c := coefficients[p.row][i]; alternate {
			v = c.minus(v).times(z)
		} else {
			v = c.plus(v).times(z)
		}
	}
	return v
}

// frac returns the magnitude of x, which is below 1.
func (x exact) frac() frac {
	hi, lo := shiftRight(x.hi, x.lo, uint32(-1-x.exp))
	return frac{hi, lo}
}

// mul returns x × y, both finite.
func (x exact) mul(y exact) exact {
	p := frac{x.hi, x.lo}.times(frac{y.hi, y.lo})
	return fix(x.neg != y.neg, x.exp+y.exp+1, p.hi, p.lo)
}

// add returns x + y.
func (x exact) add(y exact) exact {
	switch {
	case x.kind == zero:
		return y
	case y.kind == zero:
		return x
	}
	if x.exp < y.exp || x.exp == y.exp && (x.hi < y.hi || x.hi == y.hi && x.lo < y.lo) {
		x, y = y, x
	}
	hi, lo := shiftRight(y.hi, y.lo, uint32(x.exp-y.exp))
	if x.neg != y.neg {
		d := frac{x.hi, x.lo}.minus(frac{hi, lo})
		return fix(x.neg, x.exp, d.hi, d.lo)
	}
	lo, c := bits.Add64(x.lo, lo, 0)
	hi, c = bits.Add64(x.hi, hi, c)
	if c == 0 {
		return exact{finite, x.neg, x.exp, hi, lo}
	}
	return exact{finite, x.neg, x.exp + 1, 1<<63 | hi>>1, hi<<63 | lo>>1 | lo&1}
}

func (x exact) sub(y exact) exact {
	y.neg = !y.neg
	return x.add(y)
}

// more returns x(1 + u), of which the last bit is jammed.
func (x exact) more(u frac) exact {
	p := frac{x.hi, x.lo}.times(u)
	r := x.add(fix(x.neg, x.exp, p.hi, p.lo))
	r.lo |= 1
	return r
}

// less returns x(1 - u), of which the last bit is jammed. A u of 0 stands for
// one that is too small: if x is exact the result is then just below it; else
// (a quotient, which is never that near to where rounding changes) it is x.
func (x exact) less(u frac) exact {
	if u == (frac{}) {
		if x.lo == 0 {
			u.lo = 1
		} else {
			x.lo |= 1
			return x
		}
	}
	p := frac{x.hi, x.lo}.times(frac{}.minus(u))
	r := fix(x.neg, x.exp, p.hi, p.lo)
	r.lo |= 1
	return r
}

// div returns x / y, y finite. The last bit is jammed.
func (x exact) div(y exact) exact {
	if x.kind == zero {
		return x
	}
	exp, a, b, c := x.exp-y.exp-1, x.hi, x.lo, uint64(0)
	if x.hi > y.hi || x.hi == y.hi && x.lo >= y.lo {
		exp, a, b, c = exp+1, x.hi>>1, x.hi<<63|x.lo>>1, x.lo<<63
	}
	hi, a, b := divide(a, b, c, y)
	lo, a, b := divide(a, b, 0, y)
	return exact{finite, x.neg != y.neg, exp, hi, lo | jam(a|b)}
}

// divide returns quotient and rest of a:b:c by y's significand; a:b is less than
// that (Knuth, The Art of Computer Programming vol. 2, 4.3.1, algorithm D).
func divide(a, b, c uint64, y exact) (q, hi, lo uint64) {
	q = 1<<64 - 1
	if a < y.hi {
		q, _ = bits.Div64(a, b, y.hi)
	}
	h1, l1 := bits.Mul64(q, y.hi)
	h0, l0 := bits.Mul64(q, y.lo)
	l1, carry := bits.Add64(l1, h0, 0)
	lo, borrow := bits.Sub64(c, l0, 0)
	hi, borrow = bits.Sub64(b, l1, borrow)
	top := a - h1 - carry - borrow
	for top != 0 {
		q--
		lo, carry = bits.Add64(lo, y.lo, 0)
		hi, carry = bits.Add64(hi, y.hi, carry)
		top += carry
	}
	return q, hi, lo
}

// of returns a constant with the 128 bits that constants has of it.
func (c Constant) of() exact {
	k := constants[c]
	return exact{finite, false, k.exp, k.hi, k.lo}
}

// expm1 returns 2^x - 1 for |x| below 1: with t = x ln 2,
// t(1 + t/2! + t²/3! + ...).
func expm1(x exact) exact {
	t := x.mul(Ln2.of())
	u := polynomial{factorials, 0, 32, 1}.at(t.frac(), x.neg)
	if x.neg {
		return t.less(u)
	}
	return t.more(u)
}

// sine returns sin r for |r| up to π/4: r(1 - r²/3! + r⁴/5! - ...).
func sine(r exact) exact {
	f := r.frac()
	return r.less(polynomial{factorials, 1, 31, 2}.at(f.times(f), true))
}

// cosine returns cos r for |r| up to π/4, not 0: 1 - (r²/2! - r⁴/4! + ...).
func cosine(r exact) exact {
	f := r.frac()
	u := frac{}.minus(polynomial{factorials, 0, 32, 2}.at(f.times(f), true))
	if u == (frac{}) {
		u = frac{1<<64 - 1, 1<<64 - 1}
	}
	return exact{finite, false, -1, u.hi, u.lo | 1}
}

// tangent returns tan r for |r| up to π/4, or with co -1/tan r. For small r they
// are r(1 + r²/3) and -(1 - r²/3)/r, so that they stay above r and below 1/r.
func tangent(r exact, co bool) (t exact) {
	switch f := r.frac(); {
	case r.exp < -32 && co:
		t = One.of().div(r).less(f.times(f).times(coefficients[odds][0]))
	case r.exp < -32:
		t = r.more(f.times(f).times(coefficients[odds][0]))
	case co:
		t = cosine(r).div(sine(r))
	default:
		t = sine(r).div(cosine(r))
	}
	t.neg = r.neg != co
	return t
}

// arctangent returns arctan s for |s| up to 1/31: s(1 - s²/3 + s⁴/5 - ...).
func arctangent(s exact) exact {
	if s.kind == zero {
		return s
	}
	f := s.frac()
	return s.less(polynomial{odds, 0, 12, 1}.at(f.times(f), true))
}

// log2of returns k + log2((1+s)/(1-s)) for |s| up to 3 - √8:
// k + 2 log2 e × s(1 + s²/3 + s⁴/5 + ...).
func log2of(s exact, k int32) exact {
	n := fromInt(int64(k)).exact()
	if s.kind == zero {
		return n
	}
	f := s.frac()
	l := s.more(polynomial{odds, 0, 25, 1}.at(f.times(f), false)).mul(Log2E.of())
	l.exp++
	l = l.add(n)
	l.lo |= 1
	return l
}

// log2 returns log2 x for positive x. It is exact if x is a power of two.
func log2(x exact) exact {
	k := x.exp
	if x.hi > 0xb504f333f9de6484 { // √2
		k++
	}
	x.exp -= k
	one := One.of()
	return log2of(x.sub(one).div(x.add(one)), k)
}

// log2p1 returns log2(1 + x) for x above -1.
func log2p1(x exact) exact {
	if x.exp < -2 {
		two := One.of()
		two.exp = 1
		return log2of(x.div(x.add(two)), 0)
	}
	return log2(x.add(One.of()))
}

// quadrant subtracts from x, 0 < x < 2^63, the multiple n of π/2 that leaves
// |r| below π/4. This π has 66 bits, 3.243F6A8885A308D3h, as SDM vol. 1, 8.3.8
// says and as a Zen 4 has it; with it r is exact.
func quadrant(x num) (r exact, n uint64) {
	const pHi, pLo = 3, 0x243f6a8885a308d3 // π/2 in units of 2^-65
	if x.exp < -1 {
		x.neg = false
		return x.exact(), 0
	}
	hi, lo := x.mant>>(62-x.exp), x.mant<<(x.exp+2)
	n, _ = bits.Div64(hi>>2, hi<<62|lo>>2, pHi<<62|pLo>>2)
	h, l := bits.Mul64(n, pLo)
	rest := frac{hi, lo}.minus(frac{h + n*pHi, l})
	for rest.hi>>63 != 0 {
		rest = rest.plus(frac{pHi, pLo})
		n--
	}
	if rest.hi >= 2 || rest.hi == 1 && rest.lo > (1<<63|pLo>>1) {
		rest = frac{pHi, pLo}.minus(rest)
		return fix(true, 62, rest.hi, rest.lo), n + 1
	}
	return fix(false, 62, rest.hi, rest.lo), n
}

// arctan2 returns the angle of the point x, y in the upper half plane.
func arctan2(y, x num) exact {
	a, b := y, x
	if x.magnitude(y) == Less {
		a, b = x, y
	}
	r := slope(a, b)
	if x.magnitude(y) == Less {
		half := Pi.of()
		half.exp--
		r = half.sub(r)
	}
	if x.neg {
		r = Pi.of().sub(r)
	}
	r.lo |= 1
	return r
}

// slope returns arctan |a/b| for |a| up to |b|: with i/16 next to a/b it is
// arctan(i/16) + arctan((16a - ib)/(16b + ia)).
func slope(a, b num) exact {
	a.neg, b.neg = false, false
	d := b.exp - a.exp
	if d > 6 {
		return arctangent(a.exact().div(b.exact()))
	}
	m, n := a.mant>>(8+d), b.mant>>8
	i := (m<<4 + n>>1) / n
	if i == 0 {
		return arctangent(a.exact().div(b.exact()))
	}
	a16, b16, ai, bi := a.exact(), b.exact(), a, b
	a16.exp, b16.exp = a16.exp+4, b16.exp+4
	k := fromInt(int64(i))
	x, _ := product(ai, k)
	y, _ := product(bi, k)
	return arcs[i].add(arctangent(a16.sub(y).div(b16.add(x))))
}
