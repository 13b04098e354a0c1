package softfp

import "math/rand/v2"

// seed is printed with every failure; change it to look elsewhere.
const seed = 20240611

func newRand() *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// operand draws a bit pattern of format f: boundaries, sparse and dense
// fractions, and exponents near near's, so that sums cancel and round.
func (f format) operand(r *rand.Rand, near uint64) uint64 {
	fracBits := f.prec() - 1
	frac := r.Uint64() & (1<<fracBits - 1)
	switch r.IntN(6) {
	case 0:
		frac = 0
	case 1:
		frac = 1<<fracBits - 1
	case 2:
		frac = 1 << r.IntN(int(fracBits))
	case 3:
		frac &^= 1<<r.IntN(int(fracBits)) - 1
	case 4:
		frac = frac>>r.IntN(int(fracBits)) | 1
	}
	top := uint64(1)<<f.exp() - 1
	var exp uint64
	switch r.IntN(8) {
	case 0:
		exp = [...]uint64{0, 0, 0, 1, top - 1, top, top, 2}[r.IntN(8)]
	case 1:
		exp = r.Uint64()
	case 2:
		exp = uint64(f.bias()) + r.Uint64N(80) - 8
	case 3:
		exp = uint64(r.IntN(2*int(f.prec())) + 0)
	case 4:
		exp = top - uint64(r.IntN(8))
	case 5:
		exp = uint64(f.bias())/2 + uint64(r.IntN(60)) - 30
	default:
		exp = near>>fracBits + uint64(r.IntN(2*int(f.prec())+6)) - uint64(f.prec()) - 3
	}
	return (r.Uint64()&1)<<(f.exp()+fracBits) | exp&top<<fracBits | frac
}

// environment draws an MXCSR with everything masked.
func environment(r *rand.Rand) uint32 {
	v := uint32(0x1f80)
	switch r.IntN(4) {
	case 0:
	case 1:
		v |= r.Uint32() & 0x3f
	case 2:
		v |= r.Uint32() & (3<<13 | 1<<15 | 1<<6)
	default:
		v |= uint32(r.IntN(4))<<13 | r.Uint32()&PE
	}
	return v
}
