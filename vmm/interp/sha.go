package interp

import (
	"math/bits"

	"vmrecord/vmm/x86"
)

// shaRows: steps of SHA-1 and SHA-256 (FIPS 180-4; SDM vol. 2B, SHA1RNDS4 and
// following). SHA-1's first word is the highest of a register, SHA-256's
// message words begin with the lowest.
var shaRows = []row{
	{x86.SemSha1rnds4, one(sha1rnds4)},
	{x86.SemSha1nexte, wide(sha1nexte)},
	{x86.SemSha1msg1, wide(func(a, b vec) vec { return vec{a[0] ^ b[1], a[1] ^ a[0]} })},
	{x86.SemSha1msg2, wide(sha1msg2)},
	{x86.SemSha256rnds2, one(sha256rnds2)},
	{x86.SemSha256msg1, wide(sha256msg1)},
	{x86.SemSha256msg2, wide(sha256msg2)},
}

// low and high are the doublewords of a quadword; pair is its inverse.
func low(v uint64) uint32  { return uint32(v) }
func high(v uint64) uint32 { return uint32(v >> 32) }

func pair(hi, lo uint32) uint64 { return uint64(hi)<<32 | uint64(lo) }

// sha1K are SHA-1's constants, of twenty rounds each (FIPS 180-4, 4.2.1).
var sha1K = [4]uint32{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6}

// sha1rnds4 does four rounds; the immediate's two low bits choose the function
// and the constant. The first message word has E added already.
func sha1rnds4(x *CPU, o *Op) {
	s, p := x.src128(o), x.xmm(o, 0)
	a, b, c, d, e := high(p[1]), low(p[1]), high(p[0]), low(p[0]), uint32(0)
	for _, w := range [4]uint32{high(s[1]), low(s[1]), high(s[0]), low(s[0])} {
		t := bits.RotateLeft32(a, 5) + e + w + sha1K[o.Imm&3]
		switch o.Imm & 3 {
		case 0:
			t += d ^ b&(c^d)
		case 2:
			t += b&c | d&(b|c)
		default:
			t += b ^ c ^ d
		}
		a, b, c, d, e = t, a, bits.RotateLeft32(b, 30), c, d
	}
	*p = vec{pair(c, d), pair(a, b)}
}

func sha1nexte(a, b vec) vec {
	return vec{b[0], pair(high(b[1])+bits.RotateLeft32(high(a[1]), 30), low(b[1]))}
}

func sha1msg2(a, b vec) vec {
	w16 := bits.RotateLeft32(high(a[1])^low(b[1]), 1)
	w17 := bits.RotateLeft32(low(a[1])^high(b[0]), 1)
	w18 := bits.RotateLeft32(high(a[0])^low(b[0]), 1)
	w19 := bits.RotateLeft32(low(a[0])^w16, 1)
	return vec{pair(w18, w19), pair(w16, w17)}
}

// sha256rnds2 does two rounds: ABEF in the source, CDGH in the destination,
// which gets the new ABEF; message words with their constants in XMM0.
func sha256rnds2(x *CPU, o *Op) {
	s, p := x.src128(o), x.xmm(o, 0)
	a, b, e, f := high(s[1]), low(s[1]), high(s[0]), low(s[0])
	c, d, g, h := high(p[1]), low(p[1]), high(p[0]), low(p[0])
	for _, w := range [2]uint32{low(x.XMM[0][0]), high(x.XMM[0][0])} {
		t := h + w + (g ^ e&(f^g))
		t += bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)
		u := bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)
		a, b, c, d, e, f, g, h = t+u+(a&b|c&(a|b)), a, b, c, d+t, e, f, g
	}
	*p = vec{pair(e, f), pair(a, b)}
}

// sigma0 and sigma1 are those of SHA-256's message schedule (FIPS 180-4, 4.1.2).
func sigma0(w uint32) uint32 {
	return bits.RotateLeft32(w, -7) ^ bits.RotateLeft32(w, -18) ^ w>>3
}

func sigma1(w uint32) uint32 {
	return bits.RotateLeft32(w, -17) ^ bits.RotateLeft32(w, -19) ^ w>>10
}

func sha256msg1(a, b vec) vec {
	return vec{
		pair(high(a[0])+sigma0(low(a[1])), low(a[0])+sigma0(high(a[0]))),
		pair(high(a[1])+sigma0(low(b[0])), low(a[1])+sigma0(high(a[1]))),
	}
}

func sha256msg2(a, b vec) vec {
	w16, w17 := low(a[0])+sigma1(low(b[1])), high(a[0])+sigma1(high(b[1]))
	return vec{pair(w17, w16), pair(high(a[1])+sigma1(w17), low(a[1])+sigma1(w16))}
}
