package lockstep

import (
	"encoding/binary"
	"math/rand/v2"
)

// A rng makes operands: random numbers, and those at which instructions change
// their ways.
type rng struct{ *rand.Rand }

func newRNG(seed, seq uint64) rng { return rng{rand.New(rand.NewPCG(seed, seq))} }

// one is true once in n times.
func (r rng) one(n int) bool { return r.IntN(n) == 0 }

func choose[T any](r rng, v ...T) T { return v[r.IntN(len(v))] }

// value is what a general register may hold.
func (r rng) value() uint64 {
	switch r.IntN(8) {
	case 0:
		return choose(r, 0, 1, 2, ^uint64(0), 1<<63, 1<<63-1, 1<<31, 1<<31-1, 0xffffffff, 0x80, 0x7f, 0x8000)
	case 1:
		return uint64(r.IntN(72))
	case 2:
		return 1 << r.UintN(64)
	case 3:
		return r.Uint64() >> r.UintN(64)
	}
	return r.Uint64()
}

// lanes fills b, a multiple of 8 bytes, with numbers of several kinds.
func (r rng) lanes(b []byte) {
	le := binary.LittleEndian
	for i := 0; i < len(b); i += 8 {
		v := r.value()
		switch r.IntN(5) {
		case 0: // a double about 1
			v = v&^(0x7ff<<52) | (0x3ff+uint64(r.IntN(40))-20)<<52
		case 1: // two singles
			v = v&0x807fffff807fffff | (0x7f+uint64(r.IntN(40))-20)<<23 | (0x7f+uint64(r.IntN(40))-20)<<55
		case 2: // denormal, infinite or no number
			v = v&^(0x7ff<<52) | choose(r, uint64(0), 0x7ff<<52, 1<<52)
		}
		le.PutUint64(b[i:], v)
	}
}
