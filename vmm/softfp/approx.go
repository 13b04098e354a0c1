package softfp

// RCPPS and RSQRTPS promise a relative error of at most 1.5×2^-12 and nothing
// else (SDM vol. 2, RCPPS, RSQRTPS); Intel and AMD differ. We give what a Zen 4
// gives: the top 12 fraction bits select from two tables, one entry by bits
// 11:4, one by bits 11:8 and 3:0, and their difference is the result in 13
// significant bits. The other fraction bits are ignored, denormals count as
// zeros, results below the normal range are zero, and no exception is raised.
// Neither MXCSR.RC nor DAZ nor FTZ has a say.

// approx returns 2^13 times the table function at 1 + frac/2^23, in [2^12, 2^13).
func approx(table int, frac uint32) uint32 {
	i := frac >> 11
	return uint32(approxBase[table][i>>4]) - uint32(approxStep[table][i>>8][i&15])
}

// Rcp32 approximates 1/a (RCPSS).
func Rcp32(a uint32) uint32 {
	sign, exp, frac := a&(1<<31), a<<1>>24, a&(1<<23-1)
	switch {
	case exp == 255 && frac != 0:
		return a | 1<<22
	case exp >= 253:
		return sign
	case exp == 0:
		return sign | uint32(binary32.inf())
	}
	return sign | (252-exp)<<23 + approx(0, frac)<<11
}

// Rsqrt32 approximates 1/√a (RSQRTSS).
func Rsqrt32(a uint32) uint32 {
	sign, exp, frac := a&(1<<31), a<<1>>24, a&(1<<23-1)
	switch {
	case exp == 255 && frac != 0:
		return a | 1<<22
	case exp == 0:
		return sign | uint32(binary32.inf())
	case sign != 0:
		return uint32(binary32.defaultNaN())
	case exp == 255:
		return 0
	}
	// 127 is odd: an odd field is an even exponent.
	return (188-(exp-1)>>1)<<23 + approx(2-int(exp&1), frac)<<11
}
