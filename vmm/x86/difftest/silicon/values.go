package silicon

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// A rng makes operands: a mixture of random numbers and those at which
// instructions change their ways.
type rng struct{ *rand.Rand }

func newRNG(seed, unit, seq uint64) rng { return rng{rand.New(rand.NewPCG(seed, unit<<32|seq))} }

// one is true once in n times.
func (r rng) one(n int) bool { return r.IntN(n) == 0 }

func choose[T any](r rng, v ...T) T { return v[r.IntN(len(v))] }

// pick is an element of n bits.
func (r rng) pick(n uint) uint64 {
	m := ^uint64(0) >> (64 - n)
	switch r.IntN(8) {
	case 0:
		return choose(r, 0, 1, 2, m, m-1) & m
	case 1:
		return (m/2 + choose(r, 0, 1, 2, m)) & m // about the largest positive number
	case 2:
		return uint64(r.IntN(72)) & m
	case 3:
		return 1 << r.UintN(n) & m
	case 4:
		return r.Uint64() & m >> r.UintN(n)
	}
	return r.Uint64() & m
}

// lanes is a word of elements of one width.
func (r rng) lanes() (v uint64) {
	n := uint(8) << r.UintN(4)
	for at := uint(0); at < 64; at += n {
		v |= r.pick(n) << at
	}
	return v
}

// pointer is an address to which something may be said.
func (r rng) pointer() uint64 {
	switch r.IntN(8) {
	case 0:
		return codeAt + uint64(r.IntN(codeBytes))
	case 1:
		return r.Uint64() // hardly ever canonical
	case 2:
		return r.Uint64() >> 17 // canonical, hardly ever mapped
	case 3:
		return choose(r, uint64(codeAt), codeAt+codeBytes, 1<<47, 1<<47-1, 0, dataAt-1, 0xffff_7fff_ffff_ffff)
	}
	return middle + uint64(r.IntN(256)) - 128
}

// value is what a general register may hold.
func (r rng) value() uint64 {
	if r.one(12) {
		return r.pointer()
	}
	return r.lanes()
}

// f32 and f64 are floating-point numbers near 1, near the limits, special or
// small integers.
func (r rng) f32() uint64 { return r.float(8, 23) }
func (r rng) f64() uint64 { return r.float(11, 52) }

func (r rng) float(expBits, fracBits uint) uint64 {
	e, f := r.exponent(expBits), r.fraction(fracBits)
	return r.Uint64()&1<<(expBits+fracBits) | e<<fracBits | f
}

func (r rng) exponent(n uint) uint64 {
	top := uint64(1)<<n - 1
	bias := top / 2
	switch r.IntN(16) {
	case 0, 1:
		return 0
	case 2:
		return top
	case 3:
		return 1 + uint64(r.IntN(3))
	case 4:
		return top - 1 - uint64(r.IntN(3))
	case 5, 6:
		return r.Uint64() & top
	case 7, 8:
		return bias + 14 + uint64(r.IntN(52)) // about the ranges of integers
	}
	return bias + uint64(r.IntN(26)) - 13
}

func (r rng) fraction(n uint) uint64 {
	m := uint64(1)<<n - 1
	switch r.IntN(8) {
	case 0:
		return 0
	case 1:
		return choose(r, 1, m, m-1, 1<<(n-1), 1<<(n-1)|1, 1<<(n-1)-1)
	case 2, 3:
		return bits.Reverse64(r.Uint64()>>r.UintN(64)) >> (64 - n) // few bits, at the top
	case 4:
		return r.Uint64() & m >> r.UintN(n)
	}
	return r.Uint64() & m
}

// f80 is an x87 register: valid numbers mostly, now and then what the unit does
// not support.
func (r rng) f80() (mant uint64, se uint16) {
	e := r.exponent(15)
	mant = r.fraction(63)
	if e != 0 {
		mant |= 1 << 63
	}
	if r.one(24) {
		mant ^= 1 << 63 // pseudo-denormals, unnormals, pseudo-NaNs and infinities
	}
	if r.one(12) { // an integer
		mant = r.pick(64)
		n := bits.LeadingZeros64(mant)
		mant, e = mant<<n, 0x3fff+63-uint64(n)
		if mant == 0 {
			e = 0
		}
	}
	return mant, uint16(e | r.Uint64()&1<<15)
}

// A kind is what sort of data an instruction expects.
type kind uint8

const (
	kindInt kind = iota
	kindF32
	kindF64
	kindF80
	kindText // few different bytes, with zeros
	kindBCD
)

// pools hold data of each kind, from which what an instruction is not about
// is drawn: that costs much less than to make it anew for every case.
var pools = makePools()

const poolBytes = 1 << 16

func makePools() (pools [kindBCD + 1][]byte) {
	r := newRNG(0, 0, 0)
	for k := range pools {
		b := make([]byte, poolBytes)
		for i := 0; i < len(b); i += 16 {
			if r.one(4) || kind(k) == kindF80 {
				r.block(kind(k), b[i:i+16])
				continue
			}
			binary.LittleEndian.PutUint64(b[i:], r.value())
			binary.LittleEndian.PutUint64(b[i+8:], r.value())
		}
		pools[k] = b
	}
	return pools
}

// draw fills b from a pool, at a multiple of 16 bytes.
func (r rng) draw(k kind, b []byte) {
	copy(b, pools[k][16*r.IntN((poolBytes-len(b))/16):])
}

// block fills b, of 16 bytes, with data of a kind.
func (r rng) block(k kind, b []byte) {
	le := binary.LittleEndian
	if r.one(16) {
		k = choose(r, kindInt, kindF32, kindF64)
	}
	switch k {
	case kindInt:
		le.PutUint64(b, r.lanes())
		le.PutUint64(b[8:], r.lanes())
	case kindF32:
		for i := 0; i < 16; i += 4 {
			le.PutUint32(b[i:], uint32(r.f32()))
		}
	case kindF64:
		le.PutUint64(b, r.f64())
		le.PutUint64(b[8:], r.f64())
	case kindF80:
		mant, se := r.f80()
		le.PutUint64(b, mant)
		le.PutUint64(b[8:], uint64(se))
	case kindText:
		for i := range b {
			b[i] = choose[byte](r, 'a', 'b', 'c', 'z', 0x80, 0xff)
			if r.one(12) {
				b[i] = 0
			}
		}
	case kindBCD:
		for i := range b {
			b[i] = byte(r.IntN(10) | r.IntN(10)<<4)
		}
		b[9] = choose[byte](r, 0, 0x80)
	}
}
