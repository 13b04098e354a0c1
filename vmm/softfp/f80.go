package softfp

import "math/bits"

// An F80 is a double extended-precision value as FSTP m80 stores it: sign (15)
// and biased exponent (14:0) in SE, significand with explicit integer bit in
// Mant. It converts to and from cpu.F80.
type F80 struct {
	Mant uint64
	SE   uint16
}

const (
	bias80 = 16383
	max80  = 0x7fff // exponent of infinities and NaNs
	wrap80 = 24576  // exponent bias adjustment of unmasked overflow and underflow

	// NoResult and NoStore are what must be absent from Env.Raised for an x87
	// instruction to write its destination, pop and push: NoResult if that is a
	// register, NoStore if it is memory (SDM vol. 1, 8.5). OE, UE and PE still
	// deliver to a register, the former two with the exponent wrapped by 24576.
	NoResult = pre
	NoStore  = pre | OE | UE
)

// Indefinite80 is the QNaN of masked invalid operations, stack faults included.
func Indefinite80() F80 { return F80{3 << 62, 0xffff} }

func (a F80) exp() int32 { return int32(a.SE & max80) }
func (a F80) neg() bool  { return a.SE>>15 != 0 }

func (a F80) kind() kind {
	switch exp := a.exp(); {
	case exp == 0 && a.Mant == 0:
		return zero
	case exp != 0 && a.Mant>>63 == 0:
		return unsupported // unnormal, pseudo-infinity, pseudo-NaN
	case exp != max80:
		return finite
	case a.Mant<<1 == 0:
		return inf
	case a.Mant>>62 == 3:
		return qnan
	}
	return snan
}

// unpack takes a apart. Pseudo-denormals (exponent 0, integer bit 1) have the
// value they would have with exponent 1, and raise DE (SDM vol. 1, 8.2.2).
func (a F80) unpack() num {
	n := num{kind: a.kind(), neg: a.neg(), exp: a.exp() - bias80, mant: a.Mant}
	if n.kind == finite && a.exp() == 0 {
		lz := bits.LeadingZeros64(a.Mant)
		n.denorm, n.mant, n.exp = true, a.Mant<<lz, 1-bias80-int32(lz)
	}
	return n
}

func sign80(neg bool) uint16 {
	if neg {
		return 1 << 15
	}
	return 0
}

// pack80 rounds x to prec bits and encodes it, with the post-computation
// exceptions and C1.
func (e *Env) pack80(x exact, prec uint8) F80 {
	s := sign80(x.neg)
	e.C1 = false
	switch x.kind {
	case zero:
		return F80{0, s}
	case inf:
		return F80{1 << 63, s | max80}
	case qnan:
		return Indefinite80()
	}
	mant, carry, up, inexact := roundTo(e.Round, prec, x.neg, x.hi, x.lo)
	exp := x.exp + bias80
	if carry {
		exp++
	}
	flags := uint8(0)
	switch {
	case exp <= 0 && e.Masks&UE != 0:
		return e.tiny80(x, prec)
	case exp <= 0:
		flags, exp = UE, exp+wrap80
	case exp >= max80 && e.Masks&OE != 0:
		return e.overflow80(x.neg, prec)
	case exp >= max80:
		flags, exp = OE, exp-wrap80
	}
	if inexact {
		flags |= PE
	}
	if flags != 0 {
		e.raise(flags)
	}
	e.C1 = up
	return F80{mant, s | uint16(exp)}
}

// overflow80 is the masked response to overflow.
func (e *Env) overflow80(neg bool, prec uint8) F80 {
	e.raise(OE | PE)
	if away(e.Round, neg, true, 1<<63) {
		e.C1 = true
		return F80{1 << 63, sign80(neg) | max80}
	}
	return F80{-(uint64(1) << (64 - prec)), sign80(neg) | (max80 - 1)}
}

// tiny80 is the masked response to underflow: the significand is shifted first
// and rounded at the same bit as any other.
func (e *Env) tiny80(x exact, prec uint8) F80 {
	hi, lo := shiftRight(x.hi, x.lo, uint32(1-bias80-x.exp))
	mant, _, up, inexact := roundTo(e.Round, prec, x.neg, hi, lo)
	if inexact {
		e.raise(UE | PE)
	}
	e.C1 = up
	return F80{mant, sign80(x.neg) | uint16(mant>>63)}
}

// special80 deals with operands that are unsupported or NaN: the former are
// invalid, of two NaNs a quiet one wins over a signalling one, then the larger
// significand, then the positive one (SDM vol. 1, table 4-7).
func (e *Env) special80(a, b F80) (r F80, done bool) {
	ka, kb := a.kind(), b.kind()
	if ka <= inf && kb <= inf {
		return F80{}, false
	}
	e.C1 = false
	if ka == unsupported || kb == unsupported {
		e.raise(IE)
		return Indefinite80(), true
	}
	if ka == snan || kb == snan {
		e.raise(IE)
	}
	switch {
	case ka <= inf:
		r = b
	case kb <= inf:
		r = a
	case ka == qnan && kb == snan:
		r = a
	case ka == snan && kb == qnan:
		r = b
	case a.Mant > b.Mant || a.Mant == b.Mant && !a.neg():
		r = a
	default:
		r = b
	}
	r.Mant |= 1 << 62
	return r, true
}

// settle80 ends an operation as settle does for SSE.
func (e *Env) settle80(x exact, flags, prec uint8) F80 {
	if flags != 0 && e.raise(flags) {
		e.C1 = false
		return F80{}
	}
	return e.pack80(x, prec)
}

// Add80 returns a + b (FADD).
func Add80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	x, flags := sum(a.unpack(), b.unpack(), e.Round)
	return e.settle80(x, flags, e.Prec)
}

// Sub80 returns a - b (FSUB; FSUBR with the operands exchanged).
func Sub80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	b.SE ^= 1 << 15
	x, flags := sum(a.unpack(), b.unpack(), e.Round)
	return e.settle80(x, flags, e.Prec)
}

// Mul80 returns a × b (FMUL).
func Mul80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	x, flags := product(a.unpack(), b.unpack())
	return e.settle80(x, flags, e.Prec)
}

// Div80 returns a / b (FDIV; FDIVR with the operands exchanged).
func Div80(e *Env, a, b F80) F80 {
	if r, done := e.special80(a, b); done {
		return r
	}
	x, flags := quotient(a.unpack(), b.unpack())
	return e.settle80(x, flags, e.Prec)
}

// Sqrt80 returns the square root of a (FSQRT).
func Sqrt80(e *Env, a F80) F80 {
	if r, done := e.special80(a, a); done {
		return r
	}
	x, flags := root(a.unpack())
	return e.settle80(x, flags, e.Prec)
}

// Cmp80 compares a with b: quiet for FUCOM and FUCOMI, where a QNaN is not
// invalid, else FCOM, FCOMI and, with b +0, FTST.
func Cmp80(e *Env, a, b F80, quiet bool) Order {
	e.C1 = false
	ka, kb := a.kind(), b.kind()
	if ka > inf || kb > inf {
		if !quiet || ka >= snan || kb >= snan {
			e.raise(IE)
		}
		return Unordered
	}
	x, y := a.unpack(), b.unpack()
	if de := denormals(x, y); de != 0 {
		e.raise(de)
	}
	switch {
	case ka == zero && kb == zero:
		return Equal
	case x.neg != y.neg && x.neg:
		return Less
	case x.neg != y.neg:
		return Greater
	case x.magnitude(y) == Equal:
		return Equal
	case (x.magnitude(y) == Less) != x.neg:
		return Less
	}
	return Greater
}

// magnitude compares absolute values.
func (n num) magnitude(o num) Order {
	switch {
	case n.kind == o.kind && (n.kind != finite || n.exp == o.exp && n.mant == o.mant):
		return Equal
	case n.kind < o.kind, n.kind == finite && o.kind == finite && (n.exp < o.exp || n.exp == o.exp && n.mant < o.mant):
		return Less
	}
	return Greater
}

// A Class is what FXAM finds in a register that is not empty.
type Class uint8

const (
	ClassUnsupported Class = iota
	ClassNaN
	ClassNormal
	ClassInfinity
	ClassZero
	ClassDenormal
)

// Classify is FXAM without the sign, which goes to C1.
func Classify(a F80) Class {
	switch a.kind() {
	case unsupported:
		return ClassUnsupported
	case zero:
		return ClassZero
	case inf:
		return ClassInfinity
	case finite:
		if a.exp() == 0 {
			return ClassDenormal
		}
		return ClassNormal
	}
	return ClassNaN
}
