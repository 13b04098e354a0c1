package softfp

import "math/bits"

// RoundInt80 rounds to an integer (FRNDINT).
func RoundInt80(e *Env, a F80) F80 {
	if r, done := e.special80(a, a); done {
		return r
	}
	e.C1 = false
	n := a.unpack()
	if n.denorm && e.raise(DE) {
		return a
	}
	if n.kind != finite || n.exp >= 63 {
		return a
	}
	m, up, inexact, _ := toInteger(n, e.Round)
	if inexact {
		e.raise(PE)
	}
	e.C1 = up
	if m == 0 {
		return F80{0, sign80(n.neg)}
	}
	lz := bits.LeadingZeros64(m)
	return F80{m << lz, sign80(n.neg) | uint16(bias80+63-lz)}
}

// Scale80 returns a × 2^b, b truncated to an integer (FSCALE). The result is
// rounded to 64 bits whatever the precision control says.
func Scale80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	x, y := a.unpack(), b.unpack()
	de := denormals(x, y)
	switch {
	case y.kind == inf && (x.kind == zero && !y.neg || x.kind == inf && y.neg):
		return e.settle80(exact{kind: qnan}, IE, 64)
	case y.kind == inf && x.kind == finite && y.neg:
		return e.settle80(exact{neg: x.neg}, de, 64)
	case y.kind == inf && x.kind == finite:
		return e.settle80(exact{kind: inf, neg: x.neg}, de, 64)
	case x.kind != finite || y.kind != finite:
		return e.settle80(x.exact(), de, 64)
	}
	// Beyond 2^16 every operand over- or underflows. The unmasked response wraps
	// the exponent once, and gives infinity or zero if that is not enough.
	n := int32(1 << 16)
	if y.exp < 16 {
		n = int32(y.mant >> (63 - max(y.exp, -1)))
	}
	if y.neg {
		n = -n
	}
	r := x.exact()
	r.exp += n
	if de != 0 && e.raise(de) {
		e.C1 = false
		return F80{}
	}
	switch {
	case r.exp+bias80 <= -wrap80 && e.Masks&UE == 0:
		e.raise(UE | PE)
		r = exact{neg: x.neg}
	case r.exp+bias80 >= max80+wrap80 && e.Masks&OE == 0:
		e.raise(OE | PE)
		e.C1 = true
		return F80{1 << 63, sign80(x.neg) | max80}
	}
	return e.pack80(r, 64)
}

// Extract80 splits a into exponent and significand (FXTRACT, which pushes the
// latter). Zero divides by zero and has the exponent minus infinity.
func Extract80(e *Env, a F80) (exponent, significand F80) {
	if r, done := e.special80(a, a); done {
		return r, r
	}
	e.C1 = false
	n := a.unpack()
	switch {
	case n.kind == zero:
		e.raise(ZE)
		return F80{1 << 63, 1<<15 | max80}, a
	case n.kind == inf:
		return F80{1 << 63, max80}, a
	case n.denorm:
		e.raise(DE)
	}
	return Int64to80(int64(n.exp)), F80{n.mant, sign80(n.neg) | bias80}
}

// Rem80 returns the partial remainder of a / b: FPREM, which truncates the
// quotient, or with nearest FPREM1, which rounds it to even. If partial is set
// (C2) the exponents were 64 or more apart and the operation is to be repeated
// with the result; otherwise quo holds the quotient's low three bits, which go
// to C0 (bit 2), C3 (bit 1) and C1 (bit 0). A partial step takes between 32 and
// 63 bits off the quotient: where the manual leaves us free we do as AMD and
// Intel processors do.
func Rem80(e *Env, a, b F80, nearest bool) (r F80, quo uint8, partial bool) {
	if r, done := e.special80(a, b); done {
		return r, 0, false
	}
	e.C1 = false
	x, y := a.unpack(), b.unpack()
	if x.kind == inf || y.kind == zero {
		e.raise(IE)
		return Indefinite80(), 0, false
	}
	if de := denormals(x, y); de != 0 && e.raise(de) {
		return a, 0, false
	}
	if x.kind == zero || y.kind == inf {
		return e.pack80(x.exact(), 64), 0, false
	}
	d := x.exp - y.exp
	if d >= 64 {
		rest, _ := remainder(x.mant, y.mant, uint32(d&31|32))
		return e.pack80(fix(x.neg, x.exp-d&31-32, rest, 0), 64), 0, true
	}
	z, q := x.exact(), uint64(0)
	if d >= 0 {
		var rest uint64
		rest, q = remainder(x.mant, y.mant, uint32(d))
		z = fix(x.neg, y.exp, rest, 0)
	}
	if nearest && d >= -1 {
		z, q = nearer(z, y, q)
	}
	return e.pack80(z, 64), uint8(q) & 7, false
}

// remainder divides a × 2^n by b and returns the rest and the quotient's low
// bits; a and b have bit 63 set, n is below 64.
func remainder(a, b uint64, n uint32) (rest, quo uint64) {
	if a >= b {
		a -= b
		quo = 1
	}
	if n == 0 {
		return a, quo
	}
	q, rest := bits.Div64(a>>(64-n), a<<n, b)
	return rest, quo<<n + q
}

// nearer replaces the rest z of a truncated division by y, whose quotient is q,
// with that of the division rounded to nearest even.
func nearer(z exact, y num, q uint64) (exact, uint64) {
	if z.kind != finite || z.exp < y.exp-1 {
		return z, q
	}
	// Twice the rest against y: at exponent y.exp it is certainly more.
	if z.exp == y.exp-1 && (z.hi < y.mant || z.hi == y.mant && q&1 == 0) {
		return z, q
	}
	hi, lo := z.hi, uint64(0)
	if z.exp < y.exp {
		hi, lo = hi>>1, hi<<63
	}
	l, borrow := bits.Sub64(0, lo, 0)
	h, _ := bits.Sub64(y.mant, hi, borrow)
	return fix(!z.neg, y.exp, h, l), q + 1
}

// A Constant names one of the values that the x87 keeps (SDM vol. 1, 8.3.8).
type Constant uint8

const (
	One   Constant = iota // FLD1
	Log2T                 // FLDL2T: log2 10
	Log2E                 // FLDL2E: log2 e
	Pi                    // FLDPI
	Log2                  // FLDLG2: log10 2
	Ln2                   // FLDLN2: ln 2
	Nil                   // FLDZ: +0
)

// constants holds 64 bits and the next 64, so that rounding is as for a result.
var constants = [...]struct {
	exp    int32
	hi, lo uint64
}{
	One:   {0, 1 << 63, 0},
	Log2T: {1, 0xd49a784bcd1b8afe, 0x492bf6ff4dafdb4c},
	Log2E: {0, 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88},
	Pi:    {1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1},
	Log2:  {-2, 0x9a209a84fbcff798, 0x8f8959ac0b7c9178},
	Ln2:   {-1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af},
}

// Load80 returns a constant rounded to 64 bits by RC; no exception, not even
// PE, is raised.
func Load80(e *Env, c Constant) F80 {
	e.C1 = false
	if c >= Nil {
		return F80{}
	}
	k := constants[c]
	mant, _, _, _ := roundTo(e.Round, 64, false, k.hi, k.lo)
	return F80{mant, uint16(k.exp + bias80)}
}
