package badfloat

import "math"

func add(a, b, c uint64) uint64 {
	x, y, z := math.Float64frombits(a), math.Float64frombits(b), math.Float64frombits(c)
	good := float64(float64(x*y) + z)
	p := x * y                                                                                                // want "floating-point result that is not converted at once"
	p += z                                                                                                    // want "floating-point result that is not converted at once"
	q := float64(x*y + z)                                                                                     // want "floating-point result that is not converted at once"
	r := float64(math.FMA(x, y, z))                                                                           // want "math.FMA is not the same on every host"
	return math.Float64bits(float64(math.Sqrt(good))) + uint64(p) + math.Float64bits(q) + math.Float64bits(r) // want "floating point converted to uint64"
}
