package softfp

import "math/bits"

// F32to64 widens (CVTSS2SD, CVTPS2PD).
func F32to64(e *Env, a uint32) uint64 {
	if a<<1>>24-1 < 254 { // normal
		return uint64(a>>31)<<63 | uint64(a<<1>>1)<<29 + (1023-127)<<52
	}
	v := binary32.flush(e, uint64(a))
	if binary32.isNaN(v) {
		if binary32.isSNaN(v) {
			e.raise(IE)
		}
		return v&binary32.sign()<<32 | binary64.inf() | binary64.quiet() | v&(1<<23-1)<<29
	}
	n := binary32.unpack(v)
	return binary64.settle(e, n.exact(), denormals(n, n))
}

// F64to32 narrows with rounding (CVTSD2SS, CVTPD2PS).
func F64to32(e *Env, a uint64) uint32 {
	if e.quick() {
		if r, ok := hostNarrow(a); ok {
			return r
		}
	}
	v := binary64.flush(e, a)
	if binary64.isNaN(v) {
		if binary64.isSNaN(v) {
			e.raise(IE)
		}
		return uint32(v>>32&binary32.sign() | binary32.inf() | binary32.quiet() | v>>29&(1<<23-1))
	}
	n := binary64.unpack(v)
	return uint32(binary32.settle(e, n.exact(), denormals(n, n)))
}

// fromInt returns v as an operand.
func fromInt(v int64) num {
	if v == 0 {
		return num{}
	}
	m := uint64(v)
	if v < 0 {
		m = -m
	}
	lz := bits.LeadingZeros64(m)
	return num{kind: finite, neg: v < 0, exp: int32(63 - lz), mant: m << lz}
}

// IntTo32 converts a signed integer, sign-extended if it is of 32 bits
// (CVTSI2SS, CVTDQ2PS).
func IntTo32(e *Env, v int64) uint32 { return uint32(binary32.pack(e, fromInt(v).exact())) }

// IntTo64 converts a signed integer (CVTSI2SD, CVTDQ2PD).
func IntTo64(e *Env, v int64) uint64 {
	n := fromInt(v)
	if n.kind == finite && n.mant<<53 == 0 { // exact
		return uint64(v)&(1<<63) | uint64(n.exp+1022)<<52 + n.mant>>11
	}
	return binary64.pack(e, n.exact())
}

// toInteger rounds an operand that is finite or zero to an integer magnitude.
// big says that it exceeds 64 bits.
func toInteger(n num, round uint8) (mag uint64, up, inexact, big bool) {
	switch {
	case n.kind == zero:
		return 0, false, false, false
	case n.exp > 63:
		return 0, false, false, true
	}
	// The binary point goes between hi and lo.
	hi, lo := shiftRight(n.mant, 0, uint32(63-n.exp))
	if away(round, n.neg, hi&1 != 0, lo) {
		hi++ // cannot carry: with lo in use, hi has at most 63 bits
		up = true
	}
	return hi, up, lo != 0, false
}

// toInt converts an operand to a signed integer of width bits. Out of range,
// infinite or NaN is invalid and gives the integer indefinite, 1<<(width-1)
// (SDM vol. 1, table 4-1), sign-extended here.
func (e *Env) toInt(n num, round, width uint8) int64 {
	min := uint64(1) << (width - 1)
	e.C1 = false
	if n.kind > finite {
		e.raise(IE)
		return -int64(min)
	}
	m, up, inexact, big := toInteger(n, round)
	if big || m > min || m == min && !n.neg {
		e.raise(IE)
		return -int64(min)
	}
	if inexact {
		e.C1 = up
		e.raise(PE)
	}
	if n.neg {
		m = -m
	}
	return int64(m)
}

func (f format) toInt(e *Env, v uint64, round, width uint8) int64 {
	// Most conversions: the magnitude is from 1 to 2^31-1 and nothing is to be
	// rounded up.
	if n := int32(v&f.inf()>>(f.prec()-1)) - f.bias(); n >= 0 && n < 31 {
		m := (v&(1<<(f.prec()-1)-1) | 1<<(f.prec()-1)) << (64 - f.prec())
		i, lost := int64(m>>(63-n)), m<<(n+1) != 0
		if lost && round == Zero {
			e.raise(PE)
		}
		if !lost || round == Zero {
			e.C1 = false
			if v&f.sign() != 0 {
				return -i
			}
			return i
		}
	}
	return e.toInt(f.unpack(f.flush(e, v)), round, width)
}

// F32toInt32 converts with the current rounding (CVTSS2SI r32, CVTPS2DQ).
func F32toInt32(e *Env, a uint32) int32 {
	return int32(binary32.toInt(e, uint64(a), e.Round, 32))
}

// F32toInt64 converts with the current rounding (CVTSS2SI r64).
func F32toInt64(e *Env, a uint32) int64 { return binary32.toInt(e, uint64(a), e.Round, 64) }

// F64toInt32 converts with the current rounding (CVTSD2SI r32, CVTPD2DQ).
func F64toInt32(e *Env, a uint64) int32 { return int32(binary64.toInt(e, a, e.Round, 32)) }

// F64toInt64 converts with the current rounding (CVTSD2SI r64).
func F64toInt64(e *Env, a uint64) int64 { return binary64.toInt(e, a, e.Round, 64) }

// F32truncInt32 truncates (CVTTSS2SI r32, CVTTPS2DQ).
func F32truncInt32(e *Env, a uint32) int32 { return int32(binary32.toInt(e, uint64(a), Zero, 32)) }

// F32truncInt64 truncates (CVTTSS2SI r64).
func F32truncInt64(e *Env, a uint32) int64 { return binary32.toInt(e, uint64(a), Zero, 64) }

// F64truncInt32 truncates (CVTTSD2SI r32, CVTTPD2DQ).
func F64truncInt32(e *Env, a uint64) int32 { return int32(binary64.toInt(e, a, Zero, 32)) }

// F64truncInt64 truncates (CVTTSD2SI r64).
func F64truncInt64(e *Env, a uint64) int64 { return binary64.toInt(e, a, Zero, 64) }

// roundInt is ROUNDSS and kin: imm bits 1:0 round, bit 2 takes e.Round instead,
// bit 3 suppresses PE (SDM vol. 2, ROUNDPD, figure 4-24).
func (f format) roundInt(e *Env, v uint64, imm uint8) uint64 {
	v = f.flush(e, v)
	if r, done := f.nan2(e, v, v); done {
		return r
	}
	n := f.unpack(v)
	if n.kind != finite || n.exp >= int32(f.prec())-1 {
		return v
	}
	round := imm & 3
	if imm&4 != 0 {
		round = e.Round
	}
	m, _, inexact, _ := toInteger(n, round)
	if inexact && imm&8 == 0 {
		e.raise(PE)
	}
	r := f.pack(e, fromInt(int64(m)).exact()) // exact: at most prec-1 bits and a carry
	return r | v&f.sign()
}

// Round32 rounds to an integer in floating-point form (ROUNDSS, ROUNDPS).
func Round32(e *Env, a uint32, imm uint8) uint32 {
	return uint32(binary32.roundInt(e, uint64(a), imm))
}

// Round64 rounds to an integer in floating-point form (ROUNDSD, ROUNDPD).
func Round64(e *Env, a uint64, imm uint8) uint64 { return binary64.roundInt(e, a, imm) }
