package softfp

import "math/bits"

// load80 converts from an interchange format (FLD m32, FLD m64); it is exact.
func (f format) load80(e *Env, v uint64) F80 {
	e.C1 = false
	n := f.unpack(v)
	switch {
	case n.kind == snan:
		e.raise(IE)
		fallthrough
	case n.kind == qnan:
		return F80{n.mant | 1<<62, sign80(n.neg) | max80}
	case n.denorm && e.raise(DE):
		return F80{}
	}
	return e.pack80(n.exact(), 64)
}

// F32to80 converts (FLD m32).
func F32to80(e *Env, v uint32) F80 { return binary32.load80(e, uint64(v)) }

// F64to80 converts (FLD m64).
func F64to80(e *Env, v uint64) F80 { return binary64.load80(e, v) }

// store80 converts to an interchange format (FST m32, FST m64). A denormal
// operand raises no DE here, underflow follows if it must.
func (f format) store80(e *Env, a F80) uint64 {
	s := f.sign() * uint64(a.SE>>15)
	e.C1 = false
	n := a.unpack()
	switch n.kind {
	case unsupported:
		e.raise(IE)
		return f.defaultNaN()
	case snan:
		e.raise(IE)
		fallthrough
	case qnan:
		return s | f.inf() | f.quiet() | a.Mant<<1>>(65-f.prec())
	}
	before := *e
	r := f.pack(e, n.exact())
	if new := e.Raised &^ before.Raised & (OE | UE); new != 0 {
		e.Flags, e.Raised = before.Flags|new, before.Raised|new // hardware records no PE then
	}
	// Rounding up moves the magnitude, so C1 is a comparison with the operand.
	if n.kind == finite && e.Raised&(OE|UE) == 0 {
		m := f.unpack(r)
		e.C1 = n.magnitude(m) == Less
	}
	return r
}

// F80to32 converts with rounding (FST m32).
func F80to32(e *Env, a F80) uint32 { return uint32(binary32.store80(e, a)) }

// F80to64 converts with rounding (FST m64).
func F80to64(e *Env, a F80) uint64 { return binary64.store80(e, a) }

// Int64to80 converts a signed integer exactly (FILD).
func Int64to80(v int64) F80 {
	n := fromInt(v)
	if n.kind == zero {
		return F80{}
	}
	return F80{n.mant, sign80(n.neg) | uint16(n.exp+bias80)}
}

// F80toInt converts to a signed integer of width 16, 32 or 64 bits with the
// current rounding (FIST). Invalid operands give the integer indefinite,
// 1<<(width-1), sign-extended.
func F80toInt(e *Env, a F80, width uint8) int64 { return e.toInt(a.unpack(), e.Round, width) }

// F80truncInt is F80toInt with truncation (FISTTP).
func F80truncInt(e *Env, a F80, width uint8) int64 { return e.toInt(a.unpack(), Zero, width) }

// A BCD is a packed decimal integer as FBLD reads it: 18 digits, two in a byte,
// the least significant first, then a byte whose bit 7 is the sign.
type BCD [10]byte

// BCDto80 converts (FBLD). Digits above nine count as what they are: the result
// is undefined by the manual.
func BCDto80(b BCD) F80 {
	var v uint64
	for i := 8; i >= 0; i-- {
		v = v*100 + uint64(b[i]>>4)*10 + uint64(b[i]&15)
	}
	r := Int64to80(int64(v))
	r.SE |= uint16(b[9]&0x80) << 8
	return r
}

// F80toBCD rounds to an integer and converts (FBSTP). What does not fit in 18
// digits is invalid and gives the packed BCD indefinite, FFFFC000000000000000H.
func F80toBCD(e *Env, a F80) BCD {
	e.C1 = false
	n := a.unpack()
	m, up, inexact, big := uint64(0), false, false, n.kind > finite
	if !big {
		m, up, inexact, big = toInteger(n, e.Round)
	}
	if big || m >= 1e18 {
		e.raise(IE)
		return BCD{7: 0xc0, 8: 0xff, 9: 0xff}
	}
	if inexact {
		e.C1 = up
		e.raise(PE)
	}
	var r BCD
	for i := range 9 {
		hi, lo := bits.Div64(0, m%100, 10)
		r[i] = byte(hi<<4 | lo)
		m /= 100
	}
	r[9] = byte(a.SE >> 8 & 0x80)
	return r
}
