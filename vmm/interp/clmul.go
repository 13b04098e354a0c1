package interp

import "vmrecord/vmm/x86"

// clmulRows: products of polynomials over GF(2) (SDM vol. 2B, PCLMULQDQ).
var clmulRows = []row{
	{x86.SemPclmulqdq, one(pclmulqdq)},
}

// pclmulqdq multiplies the halves that bits 0 and 4 of the control byte name.
func pclmulqdq(c *CPU, o *Op) {
	s, d := c.src128(o), c.xmm(o, 0)
	*d = clmul(d[o.Imm&1], s[o.Imm>>4&1])
}

// clmul multiplies four bits of b at a time. The multiples of a lose the top
// three bits of a, which come last.
func clmul(a, b uint64) vec {
	m := [16]uint64{1: a, 2: a << 1, 4: a << 2, 8: a << 3}
	for i := 3; i < 16; i++ {
		m[i] = m[i&(i-1)] ^ m[i&-i]
	}
	var lo, hi uint64
	for i := 60; i >= 0; i -= 4 {
		hi = hi<<4 | lo>>60
		lo = lo<<4 ^ m[b>>i&15]
	}
	// Of a*x^j, j = 1 to 3 for the bits of b in places 4k+j, the bits above 63
	// were lost: bits of a from 64-j on.
	const every4 = 0x1111111111111111
	x1, x2, x3 := b&(every4<<1), b&(every4<<2), b&(every4<<3)
	hi ^= (x1>>1 ^ x2>>1 ^ x3>>1) & -(a >> 63)
	hi ^= (x2>>2 ^ x3>>2) & -(a >> 62 & 1)
	hi ^= x3 >> 3 & -(a >> 61 & 1)
	return vec{lo, hi}
}
