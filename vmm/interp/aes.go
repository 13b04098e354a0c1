package interp

import (
	"math/bits"

	"vmrecord/vmm/x86"
)

// aesRows: rounds of AES and its key schedule (FIPS 197; SDM vol. 1, 12.13).
// The state's 16 bytes are four columns of four rows; a column is a
// doubleword, with row 0 in its low byte.
var aesRows = []row{
	{x86.SemAesenc, aesRound(aesenc)},
	{x86.SemAesenclast, aesRound(aesenclast)},
	{x86.SemAesdec, aesRound(aesdec)},
	{x86.SemAesdeclast, aesRound(aesdeclast)},
	{x86.SemAesimc, one(aesimc)},
	{x86.SemAeskeygenassist, one(aeskeygenassist)},
}

// The S-box and its inverse; and what a byte of row 0 becomes when it is
// substituted and its column mixed, either way. Rows below are rotations.
var (
	aesSbox    = makeSbox()
	aesUnbox   = makeUnbox()
	aesMixed   = makeMixed()
	aesUnmixed = makeUnmixed()
)

// makeSbox walks through the powers of 3, p, and of its inverse, q = 1/p, and
// applies the affine map to q (FIPS 197, 5.1.1).
func makeSbox() (t [256]uint8) {
	p, q := uint8(1), uint8(1)
	for range 255 {
		p ^= uint8(xtime(uint64(p)))
		q ^= q << 1
		q ^= q << 2
		q ^= q << 4
		q ^= q >> 7 * 9
		t[p] = q ^ bits.RotateLeft8(q, 1) ^ bits.RotateLeft8(q, 2) ^ bits.RotateLeft8(q, 3) ^ bits.RotateLeft8(q, 4) ^ 0x63
	}
	t[0] = 0x63
	return t
}

func makeUnbox() (t [256]uint8) {
	for i, s := range makeSbox() {
		t[s] = uint8(i)
	}
	return t
}

func makeMixed() (t [256]uint32) {
	for i, s := range makeSbox() {
		t[i] = uint32(mix(uint64(s)))
	}
	return t
}

func makeUnmixed() (t [256]uint32) {
	for i, s := range makeUnbox() {
		t[i] = uint32(unmix(uint64(s)))
	}
	return t
}

// xtime multiplies each of eight bytes by x in the field of AES (FIPS 197, 4.2.1).
func xtime(v uint64) uint64 { return v<<1&^0x0101010101010101 ^ v>>7&0x0101010101010101*0x1b }

// rows rotates each of two columns by n rows upwards.
func rows(v uint64, n int) uint64 {
	return uint64(bits.RotateLeft32(uint32(v>>32), -8*n))<<32 | uint64(bits.RotateLeft32(uint32(v), -8*n))
}

// mix is MixColumns on two columns, unmix its inverse (FIPS 197, 5.1.3 and
// 5.3.3): unmixing is mixing after a multiplication by 4x^2+5.
func mix(v uint64) uint64 {
	n := rows(v, 1)
	return xtime(v^n) ^ n ^ rows(v, 2) ^ rows(v, 3)
}

func unmix(v uint64) uint64 { return mix(v ^ xtime(xtime(v^rows(v, 2)))) }

// mixed and unmixed make a column of a round from the bytes of rows 0 to 3.
func mixed(a, b, c, d uint64) uint64 {
	return uint64(aesMixed[uint8(a)] ^ bits.RotateLeft32(aesMixed[uint8(b)], 8) ^
		bits.RotateLeft32(aesMixed[uint8(c)], 16) ^ bits.RotateLeft32(aesMixed[uint8(d)], 24))
}

func unmixed(a, b, c, d uint64) uint64 {
	return uint64(aesUnmixed[uint8(a)] ^ bits.RotateLeft32(aesUnmixed[uint8(b)], 8) ^
		bits.RotateLeft32(aesUnmixed[uint8(c)], 16) ^ bits.RotateLeft32(aesUnmixed[uint8(d)], 24))
}

// boxed and unboxed substitute the bytes of rows 0 to 3, without mixing.
func boxed(a, b, c, d uint64) uint64 {
	return uint64(aesSbox[uint8(a)]) | uint64(aesSbox[uint8(b)])<<8 | uint64(aesSbox[uint8(c)])<<16 | uint64(aesSbox[uint8(d)])<<24
}

func unboxed(a, b, c, d uint64) uint64 {
	return uint64(aesUnbox[uint8(a)]) | uint64(aesUnbox[uint8(b)])<<8 | uint64(aesUnbox[uint8(c)])<<16 | uint64(aesUnbox[uint8(d)])<<24
}

// aesRound is a round that f does up to its last step, which adds the key.
func aesRound(f func(l, h uint64) (uint64, uint64)) routine {
	return one(func(c *CPU, o *Op) {
		lo, hi := c.srcPair(o)
		d := c.xmm(o, 0)
		l, h := f(d[0], d[1])
		d[0], d[1] = l^lo, h^hi
	})
}

// ShiftRows takes row r of a column from the one r columns further on, its
// inverse from the one r columns before.

func aesenc(l, h uint64) (uint64, uint64) {
	return mixed(l, l>>40, h>>16, h>>56) ^ mixed(l>>32, h>>8, h>>48, l>>24)<<32,
		mixed(h, h>>40, l>>16, l>>56) ^ mixed(h>>32, l>>8, l>>48, h>>24)<<32
}

func aesenclast(l, h uint64) (uint64, uint64) {
	return boxed(l, l>>40, h>>16, h>>56) ^ boxed(l>>32, h>>8, h>>48, l>>24)<<32,
		boxed(h, h>>40, l>>16, l>>56) ^ boxed(h>>32, l>>8, l>>48, h>>24)<<32
}

func aesdec(l, h uint64) (uint64, uint64) {
	return unmixed(l, h>>40, h>>16, l>>56) ^ unmixed(l>>32, l>>8, h>>48, h>>24)<<32,
		unmixed(h, l>>40, l>>16, h>>56) ^ unmixed(h>>32, h>>8, l>>48, l>>24)<<32
}

func aesdeclast(l, h uint64) (uint64, uint64) {
	return unboxed(l, h>>40, h>>16, l>>56) ^ unboxed(l>>32, l>>8, h>>48, h>>24)<<32,
		unboxed(h, l>>40, l>>16, h>>56) ^ unboxed(h>>32, h>>8, l>>48, l>>24)<<32
}

func aesimc(c *CPU, o *Op) {
	lo, hi := c.srcPair(o)
	*c.xmm(o, 0) = vec{unmix(lo), unmix(hi)}
}

// aeskeygenassist substitutes columns 1 and 3; of each also makes a copy,
// rotated and with the round constant.
func aeskeygenassist(c *CPU, o *Op) {
	s, r := c.src128(o), vec{}
	for i := range r {
		w := s[i] >> 32
		b := boxed(w, w>>8, w>>16, w>>24)
		r[i] = b | (rows(b, 1)^uint64(o.Imm))<<32
	}
	*c.xmm(o, 0) = r
}
