package softfp

import "math"

// This is the one file inside the machine with float types. Each operation is
// one host instruction whose result is converted explicitly, so that no
// compiler can fuse or widen it, and is used only where IEEE 754 leaves a host
// no choice: round to nearest, operands zero, infinite, NaN or normal, result
// normal and away from both ends of the range, which no NaN or infinite operand
// yields, or else an exact zero. The tests compare it with the portable code.

// quick reports whether flags cannot change: an inexact result sets PE only,
// which is set already, and the host rounds to nearest.
func (e *Env) quick() bool {
	return e.Flags&e.Masks&PE != 0 && e.Round == Nearest
}

// plain32 and plain64 accept operands that are not denormal. Shifting the sign
// out and subtracting one makes zero the largest number.
func plain32(v uint32) bool { return v<<1-1 >= 1<<24-1 }
func plain64(v uint64) bool { return v<<1-1 >= 1<<53-1 }

// safe32 and safe64 accept exponent fields from 2 to the largest but one.
func safe32(v uint32) bool { return v<<1>>24-2 < 252 }
func safe64(v uint64) bool { return v<<1>>53-2 < 2044 }

func hostAdd32(a, b uint32) (uint32, bool) {
	r := math.Float32bits(float32(math.Float32frombits(a) + math.Float32frombits(b)))
	return r, plain32(a) && plain32(b) && (safe32(r) || r<<1 == 0)
}

func hostSub32(a, b uint32) (uint32, bool) {
	r := math.Float32bits(float32(math.Float32frombits(a) - math.Float32frombits(b)))
	return r, plain32(a) && plain32(b) && (safe32(r) || r<<1 == 0)
}

func hostMul32(a, b uint32) (uint32, bool) {
	r := math.Float32bits(float32(math.Float32frombits(a) * math.Float32frombits(b)))
	return r, plain32(a) && plain32(b) && (safe32(r) || r<<1 == 0 && (a<<1 == 0 || b<<1 == 0))
}

func hostDiv32(a, b uint32) (uint32, bool) {
	r := math.Float32bits(float32(math.Float32frombits(a) / math.Float32frombits(b)))
	return r, plain32(a) && plain32(b) && (safe32(r) || r<<1 == 0 && a<<1 == 0)
}

// hostSqrt32 goes through binary64, whose 53 bits are more than the 2×24+2 that
// make the double rounding of a root harmless.
func hostSqrt32(a uint32) (uint32, bool) {
	r := math.Float32bits(float32(math.Sqrt(float64(math.Float32frombits(a)))))
	return r, plain32(a) && safe32(r)
}

func hostAdd64(a, b uint64) (uint64, bool) {
	r := math.Float64bits(float64(math.Float64frombits(a) + math.Float64frombits(b)))
	return r, plain64(a) && plain64(b) && (safe64(r) || r<<1 == 0)
}

func hostSub64(a, b uint64) (uint64, bool) {
	r := math.Float64bits(float64(math.Float64frombits(a) - math.Float64frombits(b)))
	return r, plain64(a) && plain64(b) && (safe64(r) || r<<1 == 0)
}

func hostMul64(a, b uint64) (uint64, bool) {
	r := math.Float64bits(float64(math.Float64frombits(a) * math.Float64frombits(b)))
	return r, plain64(a) && plain64(b) && (safe64(r) || r<<1 == 0 && (a<<1 == 0 || b<<1 == 0))
}

func hostDiv64(a, b uint64) (uint64, bool) {
	r := math.Float64bits(float64(math.Float64frombits(a) / math.Float64frombits(b)))
	return r, plain64(a) && plain64(b) && (safe64(r) || r<<1 == 0 && a<<1 == 0)
}

func hostSqrt64(a uint64) (uint64, bool) {
	r := math.Float64bits(float64(math.Sqrt(math.Float64frombits(a))))
	return r, plain64(a) && safe64(r)
}

func hostNarrow(a uint64) (uint32, bool) {
	r := math.Float32bits(float32(math.Float64frombits(a)))
	return r, plain64(a) && (safe32(r) || a<<1 == 0)
}
