package softfp

import "math/bits"

type kind uint8

const (
	zero   kind = iota
	finite      // not zero
	inf
	qnan
	snan
	unsupported // x87 encodings that no operation accepts
)

// A num is an operand taken apart. If finite its value is
// ±mant × 2^(exp-63), bit 63 of mant set.
type num struct {
	kind   kind
	neg    bool
	denorm bool // raises DE
	exp    int32
	mant   uint64
}

// An exact is a result before rounding: if finite, ±(hi + lo/2^64) × 2^(exp-63)
// with bit 63 of hi set. Bit 0 of lo stands for any amount below it.
type exact struct {
	kind   kind // zero, finite, inf, or qnan for the default NaN
	neg    bool
	exp    int32
	hi, lo uint64
}

func (n num) exact() exact {
	return exact{kind: n.kind, neg: n.neg, exp: n.exp, hi: n.mant}
}

// denormals returns DE if an operand is denormal.
func denormals(x, y num) uint8 {
	if x.denorm || y.denorm {
		return DE
	}
	return 0
}

// fix makes an exact of hi and lo when bit 63 of hi may be clear.
func fix(neg bool, exp int32, hi, lo uint64) exact {
	if hi == 0 {
		if lo == 0 {
			return exact{neg: neg}
		}
		hi, lo, exp = lo, 0, exp-64
	}
	n := bits.LeadingZeros64(hi)
	return exact{finite, neg, exp - int32(n), hi<<n | lo>>(64-n), lo << n}
}

// shiftRight shifts hi:lo right by n and jams what falls out into bit 0.
func shiftRight(hi, lo uint64, n uint32) (uint64, uint64) {
	switch {
	case n == 0:
		return hi, lo
	case n < 64:
		return hi >> n, hi<<(64-n) | lo>>n | jam(lo<<(64-n))
	case n < 128:
		return 0, hi>>(n-64) | jam(hi<<(128-n)|lo)
	}
	return 0, jam(hi | lo)
}

func jam(v uint64) uint64 {
	if v != 0 {
		return 1
	}
	return 0
}

// sum adds two operands that are no NaNs. A sum of exactly zero is +0, but -0
// when rounding down (SDM vol. 1, 4.8.3.1).
func sum(x, y num, round uint8) (exact, uint8) {
	de := denormals(x, y)
	switch {
	case x.kind == inf:
		if y.kind == inf && x.neg != y.neg {
			return exact{kind: qnan}, IE
		}
		return x.exact(), de
	case y.kind == inf:
		return y.exact(), de
	case x.kind == zero && y.kind == zero && x.neg == y.neg:
		return x.exact(), de
	case x.kind == zero && y.kind == zero:
		return exact{neg: round == Down}, de
	case x.kind == zero:
		return y.exact(), de
	case y.kind == zero:
		return x.exact(), de
	}
	if x.exp < y.exp || x.exp == y.exp && x.mant < y.mant {
		x, y = y, x
	}
	hi, lo := shiftRight(y.mant, 0, uint32(x.exp-y.exp))
	if x.neg == y.neg {
		h, carry := bits.Add64(x.mant, hi, 0)
		if carry == 0 {
			return exact{finite, x.neg, x.exp, h, lo}, de
		}
		return exact{finite, x.neg, x.exp + 1, 1<<63 | h>>1, h<<63 | lo>>1 | lo&1}, de
	}
	l, borrow := bits.Sub64(0, lo, 0)
	h, _ := bits.Sub64(x.mant, hi, borrow)
	if h|l == 0 {
		return exact{neg: round == Down}, de
	}
	return fix(x.neg, x.exp, h, l), de
}

// product multiplies two operands that are no NaNs.
func product(x, y num) (exact, uint8) {
	neg, de := x.neg != y.neg, denormals(x, y)
	switch {
	case x.kind == inf && y.kind == zero, x.kind == zero && y.kind == inf:
		return exact{kind: qnan}, IE
	case x.kind == inf || y.kind == inf:
		return exact{kind: inf, neg: neg}, de
	case x.kind == zero || y.kind == zero:
		return exact{neg: neg}, de
	}
	hi, lo := bits.Mul64(x.mant, y.mant)
	if hi>>63 != 0 {
		return exact{finite, neg, x.exp + y.exp + 1, hi, lo}, de
	}
	return exact{finite, neg, x.exp + y.exp, hi<<1 | lo>>63, lo << 1}, de
}

// quotient divides two operands that are no NaNs.
func quotient(x, y num) (exact, uint8) {
	neg, de := x.neg != y.neg, denormals(x, y)
	switch {
	case x.kind == y.kind && x.kind != finite:
		return exact{kind: qnan}, IE
	case x.kind == inf:
		return exact{kind: inf, neg: neg}, de
	case y.kind == zero:
		return exact{kind: inf, neg: neg}, ZE
	case x.kind == zero || y.kind == inf:
		return exact{neg: neg}, de
	}
	exp, hi, lo := x.exp-y.exp, x.mant>>1, x.mant<<63
	if x.mant < y.mant {
		exp, hi, lo = exp-1, x.mant, 0
	}
	q, r := bits.Div64(hi, lo, y.mant)
	l, r := bits.Div64(r, 0, y.mant)
	return exact{finite, neg, exp, q, l | jam(r)}, de
}

// root takes the square root of an operand that is no NaN.
func root(x num) (exact, uint8) {
	switch {
	case x.kind == zero:
		return x.exact(), 0
	case x.neg:
		return exact{kind: qnan}, IE
	case x.kind == inf:
		return x.exact(), 0
	}
	hi, lo := x.mant, uint64(0)
	if x.exp&1 == 0 {
		hi, lo = hi>>1, hi<<63
	}
	s, more, low := sqrt128(hi, lo)
	l := low
	if more {
		l |= 1 << 63
	}
	return exact{finite, false, x.exp >> 1, s, l}, denormals(x, x)
}

// sqrt128 returns the integer root s of hi:lo, hi at least 2^62; half says that
// the rest is at least one half (it never is exactly), low is 1 if it is not 0.
func sqrt128(hi, lo uint64) (s uint64, half bool, low uint64) {
	s32, r := sqrt64(hi)
	// r:lo>>32 divided by twice the root gives the lower half of the root, at
	// most one too large (Zimmermann, "Karatsuba Square Root", INRIA 3805).
	q, u := bits.Div64(r>>32, r<<32|lo>>32, s32<<1)
	if q>>32 != 0 {
		u += (q - (1<<32 - 1)) * (s32 << 1)
		q = 1<<32 - 1
	}
	s = s32<<32 + q
	rh, rl := u>>32, u<<32|lo&(1<<32-1)
	var b uint64
	rl, b = bits.Sub64(rl, q*q, 0)
	rh -= b
	if int64(rh) < 0 {
		s--
		var c uint64
		rl, c = bits.Add64(rl, s<<1|1, 0)
		rh += c + s>>63
	}
	return s, rh != 0 || rl > s, jam(rh | rl)
}

// sqrt64 returns the integer root of v, at least 2^62, and the rest.
func sqrt64(v uint64) (s, r uint64) {
	s = 1 << 31
	r = v - 1<<62
	for b := uint64(1) << 30; b != 0; b >>= 1 {
		if t := (s<<1 + b) * b; r >= t {
			r -= t
			s += b
		}
	}
	return s, r
}

// cut splits hi:lo into the leading prec bits and the rest as a fraction of the
// last of them, scaled by 2^64, its bit 0 jammed.
func cut(hi, lo uint64, prec uint8) (kept, rest uint64) {
	if prec == 64 {
		return hi, lo
	}
	n := 64 - prec
	return hi >> n << n, hi<<prec | jam(lo)
}

// away tells whether rounding increases the magnitude; odd is the last bit kept.
func away(round uint8, neg, odd bool, rest uint64) bool {
	switch round {
	case Nearest:
		return rest > 1<<63 || rest == 1<<63 && odd
	case Down:
		return neg && rest != 0
	case Up:
		return !neg && rest != 0
	}
	return false
}

// roundTo rounds the leading bits of hi:lo. carry means that the result is
// 2^64, returned as 2^63; up, that it is larger in magnitude than it was.
func roundTo(round, prec uint8, neg bool, hi, lo uint64) (mant uint64, carry, up, inexact bool) {
	kept, rest := cut(hi, lo, prec)
	if rest == 0 {
		return kept, false, false, false
	}
	unit := uint64(1) << (64 - prec)
	if !away(round, neg, kept&unit != 0, rest) {
		return kept, false, false, true
	}
	if kept += unit; kept == 0 {
		return 1 << 63, true, true, true
	}
	return kept, false, true, true
}
