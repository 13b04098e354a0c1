package interp

import (
	"vmrecord/vmm/x86"
)

// integerRows: packed integer arithmetic and comparison of MMX, SSE2, SSSE3, SSE4.
var integerRows = []row{
	{x86.SemPand, packed(func(a, b uint64) uint64 { return a & b })},
	{x86.SemPandn, packed(func(a, b uint64) uint64 { return b &^ a })},
	{x86.SemPor, packed(func(a, b uint64) uint64 { return a | b })},
	{x86.SemPxor, packed(func(a, b uint64) uint64 { return a ^ b })},

	{x86.SemPaddb, packed(func(a, b uint64) uint64 { return addEach(a, b, topB) })},
	{x86.SemPaddw, packed(func(a, b uint64) uint64 { return addEach(a, b, topW) })},
	{x86.SemPaddd, packed(func(a, b uint64) uint64 { return addEach(a, b, topD) })},
	{x86.SemPaddq, packed(func(a, b uint64) uint64 { return a + b })},
	{x86.SemPsubb, packed(func(a, b uint64) uint64 { return subEach(a, b, topB) })},
	{x86.SemPsubw, packed(func(a, b uint64) uint64 { return subEach(a, b, topW) })},
	{x86.SemPsubd, packed(func(a, b uint64) uint64 { return subEach(a, b, topD) })},
	{x86.SemPsubq, packed(func(a, b uint64) uint64 { return a - b })},
	{x86.SemPaddsb, packed(each(func(a, b int8) int8 { return satB(int32(a) + int32(b)) }))},
	{x86.SemPaddsw, packed(each(func(a, b int16) int16 { return satW(int32(a) + int32(b)) }))},
	{x86.SemPaddusb, packed(each(func(a, b uint8) uint8 { return satUB(int32(a) + int32(b)) }))},
	{x86.SemPaddusw, packed(each(func(a, b uint16) uint16 { return satUW(int32(a) + int32(b)) }))},
	{x86.SemPsubsb, packed(each(func(a, b int8) int8 { return satB(int32(a) - int32(b)) }))},
	{x86.SemPsubsw, packed(each(func(a, b int16) int16 { return satW(int32(a) - int32(b)) }))},
	{x86.SemPsubusb, packed(each(func(a, b uint8) uint8 { return satUB(int32(a) - int32(b)) }))},
	{x86.SemPsubusw, packed(each(func(a, b uint16) uint16 { return satUW(int32(a) - int32(b)) }))},

	{x86.SemPcmpeqb, packed(func(a, b uint64) uint64 { return fillEach(zeroEach(a^b, topB), 8) })},
	{x86.SemPcmpeqw, packed(func(a, b uint64) uint64 { return fillEach(zeroEach(a^b, topW), 16) })},
	{x86.SemPcmpeqd, packed(func(a, b uint64) uint64 { return fillEach(zeroEach(a^b, topD), 32) })},
	{x86.SemPcmpeqq, packed(func(a, b uint64) uint64 { return ones(a == b) })},
	{x86.SemPcmpgtb, packed(func(a, b uint64) uint64 { return fillEach(lessEach(b^topB, a^topB, topB), 8) })},
	{x86.SemPcmpgtw, packed(func(a, b uint64) uint64 { return fillEach(lessEach(b^topW, a^topW, topW), 16) })},
	{x86.SemPcmpgtd, packed(func(a, b uint64) uint64 { return fillEach(lessEach(b^topD, a^topD, topD), 32) })},
	{x86.SemPcmpgtq, packed(func(a, b uint64) uint64 { return ones(int64(a) > int64(b)) })},

	{x86.SemPminub, packed(lesser(topB, 0, 8))},
	{x86.SemPminuw, packed(lesser(topW, 0, 16))},
	{x86.SemPminud, packed(lesser(topD, 0, 32))},
	{x86.SemPminsb, packed(lesser(topB, topB, 8))},
	{x86.SemPminsw, packed(lesser(topW, topW, 16))},
	{x86.SemPminsd, packed(lesser(topD, topD, 32))},
	{x86.SemPmaxub, packed(greater(topB, 0, 8))},
	{x86.SemPmaxuw, packed(greater(topW, 0, 16))},
	{x86.SemPmaxud, packed(greater(topD, 0, 32))},
	{x86.SemPmaxsb, packed(greater(topB, topB, 8))},
	{x86.SemPmaxsw, packed(greater(topW, topW, 16))},
	{x86.SemPmaxsd, packed(greater(topD, topD, 32))},

	{x86.SemPavgb, packed(each(func(a, b uint8) uint8 { return uint8((uint32(a) + uint32(b) + 1) >> 1) }))},
	{x86.SemPavgw, packed(each(func(a, b uint16) uint16 { return uint16((uint32(a) + uint32(b) + 1) >> 1) }))},
	{x86.SemPabsb, packed(each(func(_, b int8) int8 { return abs(b) }))},
	{x86.SemPabsw, packed(each(func(_, b int16) int16 { return abs(b) }))},
	{x86.SemPabsd, packed(each(func(_, b int32) int32 { return abs(b) }))},
	{x86.SemPsignb, packed(each(sign[int8]))},
	{x86.SemPsignw, packed(each(sign[int16]))},
	{x86.SemPsignd, packed(each(sign[int32]))},

	{x86.SemPmullw, packed(each(func(a, b uint16) uint16 { return a * b }))},
	{x86.SemPmulhw, packed(each(func(a, b int16) int16 { return int16(int32(a) * int32(b) >> 16) }))},
	{x86.SemPmulhuw, packed(each(func(a, b uint16) uint16 { return uint16(uint32(a) * uint32(b) >> 16) }))},
	{x86.SemPmulhrsw, packed(each(func(a, b int16) int16 { return int16((int32(a)*int32(b)>>14 + 1) >> 1) }))},
	{x86.SemPmulld, packed(each(func(a, b uint32) uint32 { return a * b }))},
	{x86.SemPmuludq, packed(func(a, b uint64) uint64 { return a & 0xffffffff * (b & 0xffffffff) })},
	{x86.SemPmuldq, packed(func(a, b uint64) uint64 { return uint64(int64(int32(a)) * int64(int32(b))) })},
	{x86.SemPmaddwd, packed(pmaddwd)},
	{x86.SemPmaddubsw, packed(pmaddubsw)},
	{x86.SemPsadbw, packed(psadbw)},

	{x86.SemPhaddw, halving(func(v uint64) uint64 { return pairs(v, func(a, b int32) int16 { return int16(a + b) }) })},
	{x86.SemPhaddsw, halving(func(v uint64) uint64 { return pairs(v, func(a, b int32) int16 { return satW(a + b) }) })},
	{x86.SemPhsubw, halving(func(v uint64) uint64 { return pairs(v, func(a, b int32) int16 { return int16(a - b) }) })},
	{x86.SemPhsubsw, halving(func(v uint64) uint64 { return pairs(v, func(a, b int32) int16 { return satW(a - b) }) })},
	{x86.SemPhaddd, halving(func(v uint64) uint64 { return uint64(uint32(v) + uint32(v>>32)) })},
	{x86.SemPhsubd, halving(func(v uint64) uint64 { return uint64(uint32(v) - uint32(v>>32)) })},

	{x86.SemPhminposuw, wide(phminposuw)},
	{x86.SemMpsadbw, one(mpsadbw)},
	{x86.SemPtest, one(ptest)},
}

// ones is all ones for true.
func ones(v bool) uint64 {
	if v {
		return ^uint64(0)
	}
	return 0
}

// abs leaves the most negative number as it is.
func abs[T int8 | int16 | int32](v T) T {
	if v < 0 {
		return -v
	}
	return v
}

// sign is a with the sign of b applied, or zero (PSIGN).
func sign[T int8 | int16 | int32](a, b T) T {
	switch {
	case b < 0:
		return -a
	case b == 0:
		return 0
	}
	return a
}

func pmaddwd(a, b uint64) (r uint64) {
	for i := 0; i < 64; i += 32 {
		lo := int32(int16(a>>i)) * int32(int16(b>>i))
		hi := int32(int16(a>>i>>16)) * int32(int16(b>>i>>16))
		r |= uint64(uint32(lo+hi)) << i
	}
	return r
}

// pmaddubsw multiplies the first operand's unsigned bytes by signed ones.
func pmaddubsw(a, b uint64) (r uint64) {
	for i := 0; i < 64; i += 16 {
		lo := int32(uint8(a>>i)) * int32(int8(b>>i))
		hi := int32(uint8(a>>i>>8)) * int32(int8(b>>i>>8))
		r |= uint64(uint16(satW(lo+hi))) << i
	}
	return r
}

func psadbw(a, b uint64) (r uint64) {
	for i := 0; i < 64; i += 8 {
		x, y := uint8(a>>i), uint8(b>>i)
		r += uint64(max(x, y) - min(x, y))
	}
	return r
}

// pairs makes a word of each pair of words.
func pairs(v uint64, f func(a, b int32) int16) uint64 {
	lo := f(int32(int16(v)), int32(int16(v>>16)))
	hi := f(int32(int16(v>>32)), int32(int16(v>>48)))
	return uint64(uint16(lo)) | uint64(uint16(hi))<<16
}

// phminposuw finds the least word and its place, the lowest of several.
func phminposuw(_, b vec) vec {
	least, at := uint64(1)<<16, uint64(0)
	for i := range uint64(8) {
		if w := b[i>>2] >> (16 * (i & 3)) & 0xffff; w < least {
			least, at = w, i
		}
	}
	return vec{least | at<<16}
}

// mpsadbw sums absolute differences of four bytes of the source, chosen by bits
// 1:0 of the control, and four bytes at each of eight places of the destination,
// from 0 or 4 by bit 2.
func mpsadbw(c *CPU, o *Op) {
	s, d := c.src128(o), c.xmm(o, 0)
	block := uint32(s[o.Imm>>1&1] >> (32 * (o.Imm & 1)))
	var r vec
	for i := range 8 {
		p := i + int(o.Imm&4)
		w := psadbw(uint64(block), uint64(uint32(shiftedBytes(*d, vec{}, p)[0])))
		r[i>>2] |= w << (16 * (i & 3))
	}
	*d = r
}

func ptest(c *CPU, o *Op) {
	s, d := c.src128(o), c.xmm(o, 0)
	c.zr = s[0]&d[0] | s[1]&d[1]
	c.sr, c.pr, c.aux = 0, 1, 0
	if s[0]&^d[0]|s[1]&^d[1] == 0 {
		c.setCO(1, 0)
	}
}

// shiftedBytes is bytes n and up of lo with hi above it.
func shiftedBytes(lo, hi vec, n int) vec {
	var p, q, r uint64
	switch n >> 3 {
	case 0:
		p, q, r = lo[0], lo[1], hi[0]
	case 1:
		p, q, r = lo[1], hi[0], hi[1]
	case 2:
		p, q = hi[0], hi[1]
	case 3:
		p = hi[1]
	}
	k := 8 * (n & 7)
	return vec{p>>k | q<<(64-k), q>>k | r<<(64-k)}
}

// insertField replaces the n bits at bit at of a vec.
func insertField(d *vec, at, n int, v uint64) {
	m := ^uint64(0) >> (64 - n)
	d[at>>6&1] = d[at>>6&1]&^(m<<(at&63)) | v&m<<(at&63)
}
