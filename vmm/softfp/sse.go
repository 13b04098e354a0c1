package softfp

import "math/bits"

// A format is an IEEE 754 interchange format, named by its significant bits; an
// encoding is right-justified in a uint64.
type format uint8

const (
	binary32 format = 24
	binary64 format = 53
)

func (f format) prec() uint8 { return uint8(f) }

// exp returns the exponent bits.
func (f format) exp() uint8 {
	if f == binary32 {
		return 8
	}
	return 11
}

func (f format) bias() int32 {
	if f == binary32 {
		return 127
	}
	return 1023
}

func (f format) sign() uint64 {
	if f == binary32 {
		return 1 << 31
	}
	return 1 << 63
}

// inf is also the mask of the exponent field.
func (f format) inf() uint64 {
	if f == binary32 {
		return 0xff << 23
	}
	return 0x7ff << 52
}

func (f format) quiet() uint64 { return 1 << (f.prec() - 2) }

// defaultNaN is the QNaN floating-point indefinite (SDM vol. 1, table 4-3).
func (f format) defaultNaN() uint64 { return f.sign() | f.inf() | f.quiet() }

func (f format) isNaN(v uint64) bool  { return v&^f.sign() > f.inf() }
func (f format) isSNaN(v uint64) bool { return f.isNaN(v) && v&f.quiet() == 0 }

// flush returns v as DAZ makes the operation see it.
func (f format) flush(e *Env, v uint64) uint64 {
	if e.DAZ && v&f.inf() == 0 {
		return v & f.sign()
	}
	return v
}

// isDenormal expects a flushed v.
func (f format) isDenormal(v uint64) bool { return v&f.inf() == 0 && v&^f.sign() != 0 }

func (f format) unpack(v uint64) num {
	n := num{neg: v&f.sign() != 0}
	frac, exp := v&(1<<(f.prec()-1)-1), int32(v&f.inf()>>(f.prec()-1))
	switch {
	case v&f.inf() == f.inf() && frac == 0:
		n.kind = inf
	case v&f.inf() == f.inf():
		n.kind, n.mant = qnan, 1<<63|frac<<(64-f.prec())
		if frac&f.quiet() == 0 {
			n.kind = snan
		}
	case exp == 0 && frac == 0:
	case exp == 0:
		lz := bits.LeadingZeros64(frac)
		n.kind, n.denorm = finite, true
		n.mant, n.exp = frac<<lz, 1-f.bias()-int32(lz)+int32(64-f.prec())
	default:
		n.kind, n.exp = finite, exp-f.bias()
		n.mant = 1<<63 | frac<<(64-f.prec())
	}
	return n
}

// pack rounds x and encodes it, with the post-computation exceptions.
func (f format) pack(e *Env, x exact) uint64 {
	var s uint64
	if x.neg {
		s = f.sign()
	}
	switch x.kind {
	case zero:
		return s
	case inf:
		return s | f.inf()
	case qnan:
		return f.defaultNaN()
	}
	mant, carry, _, inexact := roundTo(e.Round, f.prec(), x.neg, x.hi, x.lo)
	exp := x.exp + f.bias()
	if carry {
		exp++
	}
	if exp <= 0 {
		return s | f.tiny(e, x, inexact)
	}
	if exp >= int32(1)<<f.exp()-1 {
		return s | f.overflow(e, x.neg, inexact)
	}
	if inexact {
		e.raise(PE)
	}
	return s | uint64(exp-1)<<(f.prec()-1) + mant>>(64-f.prec())
}

// overflow returns the masked response (SDM vol. 1, table 4-10). Unmasked, PE
// is left to whether rounding lost bits.
func (f format) overflow(e *Env, neg, inexact bool) uint64 {
	flags := uint8(OE)
	if inexact || e.Masks&OE != 0 {
		flags |= PE
	}
	e.raise(flags)
	if away(e.Round, neg, true, 1<<63) {
		return f.inf()
	}
	return f.inf() - 1
}

// tiny encodes a result that is below the normal range even after rounding with
// an unbounded exponent, as x86 defines tininess (SDM vol. 1, 4.9.1.5). Masked,
// UE needs a loss of accuracy as well, except that FTZ loses it always.
// Unmasked, PE tells of the rounding with an unbounded exponent: inexact.
func (f format) tiny(e *Env, x exact, inexact bool) uint64 {
	switch masked := e.Masks&UE != 0; {
	case masked && e.FTZ:
		e.raise(UE | PE)
		return 0
	case !masked && inexact:
		e.raise(UE | PE)
		return 0
	case !masked:
		e.raise(UE)
		return 0
	}
	hi, lo := shiftRight(x.hi, x.lo, uint32(1-f.bias()-x.exp))
	mant, _, _, lost := roundTo(e.Round, f.prec(), x.neg, hi, lo)
	if lost {
		e.raise(UE | PE)
	}
	return mant >> (64 - f.prec())
}

// nan2 gives the result of an operation with a NaN among its operands, the
// first NaN quieted (SDM vol. 1, table 4-7), or done false if there is none.
func (f format) nan2(e *Env, a, b uint64) (r uint64, done bool) {
	if !f.isNaN(a) && !f.isNaN(b) {
		return 0, false
	}
	if f.isSNaN(a) || f.isSNaN(b) {
		e.raise(IE)
	}
	if !f.isNaN(a) {
		a = b
	}
	return a | f.quiet(), true
}

// settle ends an operation: exceptions met before computing, then the result.
// An unmasked one of the former leaves no result; zero is returned.
func (f format) settle(e *Env, x exact, flags uint8) uint64 {
	if flags != 0 && e.raise(flags) {
		return 0
	}
	return f.pack(e, x)
}

func (f format) add(e *Env, a, b uint64) uint64 {
	a, b = f.flush(e, a), f.flush(e, b)
	if r, done := f.nan2(e, a, b); done {
		return r
	}
	x, flags := sum(f.unpack(a), f.unpack(b), e.Round)
	return f.settle(e, x, flags)
}

// sub negates b's sign only after NaNs have been dealt with.
func (f format) sub(e *Env, a, b uint64) uint64 {
	a, b = f.flush(e, a), f.flush(e, b)
	if r, done := f.nan2(e, a, b); done {
		return r
	}
	x, flags := sum(f.unpack(a), f.unpack(b^f.sign()), e.Round)
	return f.settle(e, x, flags)
}

func (f format) mul(e *Env, a, b uint64) uint64 {
	a, b = f.flush(e, a), f.flush(e, b)
	if r, done := f.nan2(e, a, b); done {
		return r
	}
	x, flags := product(f.unpack(a), f.unpack(b))
	return f.settle(e, x, flags)
}

func (f format) div(e *Env, a, b uint64) uint64 {
	a, b = f.flush(e, a), f.flush(e, b)
	if r, done := f.nan2(e, a, b); done {
		return r
	}
	x, flags := quotient(f.unpack(a), f.unpack(b))
	return f.settle(e, x, flags)
}

func (f format) sqrt(e *Env, a uint64) uint64 {
	a = f.flush(e, a)
	if r, done := f.nan2(e, a, a); done {
		return r
	}
	x, flags := root(f.unpack(a))
	return f.settle(e, x, flags)
}

// Add32 returns a + b (ADDSS). All operations take and return bit patterns.
func Add32(e *Env, a, b uint32) uint32 {
	if e.quick() {
		if r, ok := hostAdd32(a, b); ok {
			return r
		}
	}
	return uint32(binary32.add(e, uint64(a), uint64(b)))
}

// Sub32 returns a - b (SUBSS).
func Sub32(e *Env, a, b uint32) uint32 {
	if e.quick() {
		if r, ok := hostSub32(a, b); ok {
			return r
		}
	}
	return uint32(binary32.sub(e, uint64(a), uint64(b)))
}

// Mul32 returns a × b (MULSS).
func Mul32(e *Env, a, b uint32) uint32 {
	if e.quick() {
		if r, ok := hostMul32(a, b); ok {
			return r
		}
	}
	return uint32(binary32.mul(e, uint64(a), uint64(b)))
}

// Div32 returns a / b (DIVSS).
func Div32(e *Env, a, b uint32) uint32 {
	if e.quick() {
		if r, ok := hostDiv32(a, b); ok {
			return r
		}
	}
	return uint32(binary32.div(e, uint64(a), uint64(b)))
}

// Sqrt32 returns the square root of a (SQRTSS).
func Sqrt32(e *Env, a uint32) uint32 {
	if e.quick() {
		if r, ok := hostSqrt32(a); ok {
			return r
		}
	}
	return uint32(binary32.sqrt(e, uint64(a)))
}

// Add64 returns a + b (ADDSD).
func Add64(e *Env, a, b uint64) uint64 {
	if e.quick() {
		if r, ok := hostAdd64(a, b); ok {
			return r
		}
	}
	return binary64.add(e, a, b)
}

// Sub64 returns a - b (SUBSD).
func Sub64(e *Env, a, b uint64) uint64 {
	if e.quick() {
		if r, ok := hostSub64(a, b); ok {
			return r
		}
	}
	return binary64.sub(e, a, b)
}

// Mul64 returns a × b (MULSD).
func Mul64(e *Env, a, b uint64) uint64 {
	if e.quick() {
		if r, ok := hostMul64(a, b); ok {
			return r
		}
	}
	return binary64.mul(e, a, b)
}

// Div64 returns a / b (DIVSD).
func Div64(e *Env, a, b uint64) uint64 {
	if e.quick() {
		if r, ok := hostDiv64(a, b); ok {
			return r
		}
	}
	return binary64.div(e, a, b)
}

// Sqrt64 returns the square root of a (SQRTSD).
func Sqrt64(e *Env, a uint64) uint64 {
	if e.quick() {
		if r, ok := hostSqrt64(a); ok {
			return r
		}
	}
	return binary64.sqrt(e, a)
}
