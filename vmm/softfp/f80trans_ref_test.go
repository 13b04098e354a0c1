package softfp

import "math/big"

// The functions once more, in 600 bits and by other ways.

const refPrec = 600

func number(v int64) *big.Float        { return new(big.Float).SetPrec(refPrec).SetInt64(v) }
func sumOf(a, b *big.Float) *big.Float { return new(big.Float).Add(a, b) }
func diff(a, b *big.Float) *big.Float  { return new(big.Float).Sub(a, b) }
func times(a, b *big.Float) *big.Float { return new(big.Float).Mul(a, b) }
func quo(a, b *big.Float) *big.Float   { return new(big.Float).Quo(a, b) }

// wide is the value of a, which is finite.
func wide(a F80) *big.Float {
	v := new(big.Float).SetPrec(refPrec).SetUint64(a.Mant)
	v.SetMantExp(v, int(max(a.exp(), 1))-bias80-63)
	if a.neg() {
		v.Neg(v)
	}
	return v
}

// taylor adds up terms, the first of which is t, until they no longer count;
// next makes the i-th of the one before.
func taylor(t *big.Float, next func(t *big.Float, i int64) *big.Float) *big.Float {
	s := new(big.Float).Set(t)
	for i := int64(1); t.Sign() != 0 && t.MantExp(nil) > s.MantExp(nil)-refPrec; i++ {
		t = next(t, i)
		s = sumOf(s, t)
	}
	return s
}

// expm1Of is e^x - 1.
func expm1Of(x *big.Float) *big.Float {
	return taylor(x, func(t *big.Float, i int64) *big.Float { return quo(times(t, x), number(i+1)) })
}

// lnOf is ln((1+s)/(1-s)).
func lnOf(s *big.Float) *big.Float {
	z, p := times(s, s), s
	return times(number(2), taylor(s, func(_ *big.Float, i int64) *big.Float {
		p = times(p, z)
		return quo(p, number(2*i+1))
	}))
}

func ln2Of() *big.Float { return lnOf(quo(number(1), number(3))) }

// arctanOf halves the angle eight times first.
func arctanOf(q *big.Float) *big.Float {
	for range 8 {
		root := new(big.Float).Sqrt(sumOf(number(1), times(q, q)))
		q = quo(q, sumOf(number(1), root))
	}
	z, p := times(q, q), q
	v := taylor(q, func(_ *big.Float, i int64) *big.Float {
		p = times(p, z)
		p.Neg(p)
		return quo(p, number(2*i+1))
	})
	return times(v, number(256))
}

// piOf is Machin's.
func piOf() *big.Float {
	return diff(times(number(16), arctanOf(quo(number(1), number(5)))), times(number(4), arctanOf(quo(number(1), number(239)))))
}

func refExp(a, _ *big.Float) *big.Float { return expm1Of(times(a, ln2Of())) }

func refLog(a, b *big.Float) *big.Float {
	m := new(big.Float)
	k := a.MantExp(m) - 1
	m = times(m, number(2))
	l := lnOf(quo(diff(m, number(1)), sumOf(m, number(1))))
	return times(b, sumOf(number(int64(k)), quo(l, ln2Of())))
}

func refLog1p(a, b *big.Float) *big.Float {
	if a.MantExp(nil) < -1 {
		return times(b, quo(lnOf(quo(a, sumOf(a, number(2)))), ln2Of()))
	}
	return refLog(sumOf(a, number(1)), b)
}

func refAtan(x, y *big.Float) *big.Float {
	v := arctanOf(quo(new(big.Float).Abs(y), new(big.Float).Abs(x)))
	if x.Sign() < 0 {
		v = diff(piOf(), v)
	}
	if y.Sign() < 0 {
		v.Neg(v)
	}
	return v
}

// reduced is a less the nearest multiple, n, of π/2, with a π of 66 bits.
func reduced(a *big.Float) (r *big.Float, n int64) {
	half, _ := new(big.Float).SetPrec(refPrec).SetString("0x3.243f6a8885a308d3p-1")
	n, _ = sumOf(quo(a, half), quo(number(int64(a.Sign())), number(2))).Int64()
	return diff(a, times(number(n), half)), n
}

// sineOf is sin r, or with n odd cos r, with the sign of the quadrant n.
func sineOf(r *big.Float, n int64) *big.Float {
	z, first, odd := times(r, r), r, int64(1)
	if n&1 != 0 {
		first, odd = number(1), 0
	}
	v := taylor(first, func(t *big.Float, i int64) *big.Float {
		d := number((2*i - 1 + odd) * (2*i + odd))
		t = quo(times(t, z), d)
		return t.Neg(t)
	})
	if n&2 != 0 {
		v.Neg(v)
	}
	return v
}

func refSin(a, _ *big.Float) *big.Float {
	r, n := reduced(a)
	return sineOf(r, n)
}

func refCos(a, _ *big.Float) *big.Float {
	r, n := reduced(a)
	return sineOf(r, n+1)
}

func refTan(a, _ *big.Float) *big.Float { return quo(refSin(a, nil), refCos(a, nil)) }
