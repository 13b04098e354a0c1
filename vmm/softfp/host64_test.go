package softfp

import "testing"

// TestHost compares the host's arithmetic, wherever it claims to apply, with the
// portable code, which must raise nothing but PE there.
func TestHost(t *testing.T) {
	wide := func(f func(a, b uint32) (uint32, bool)) func(a, b uint64) (uint64, bool) {
		return func(a, b uint64) (uint64, bool) { r, ok := f(uint32(a), uint32(b)); return uint64(r), ok }
	}
	for _, c := range []struct {
		name string
		f    format
		host func(a, b uint64) (uint64, bool)
		soft func(f format, e *Env, a, b uint64) uint64
	}{
		{"add32", binary32, wide(hostAdd32), format.add},
		{"sub32", binary32, wide(hostSub32), format.sub},
		{"mul32", binary32, wide(hostMul32), format.mul},
		{"div32", binary32, wide(hostDiv32), format.div},
		{"sqrt32", binary32, wide(func(a, _ uint32) (uint32, bool) { return hostSqrt32(a) }), func(f format, e *Env, a, _ uint64) uint64 { return f.sqrt(e, a) }},
		{"add64", binary64, hostAdd64, format.add},
		{"sub64", binary64, hostSub64, format.sub},
		{"mul64", binary64, hostMul64, format.mul},
		{"div64", binary64, hostDiv64, format.div},
		{"sqrt64", binary64, func(a, _ uint64) (uint64, bool) { return hostSqrt64(a) }, func(f format, e *Env, a, _ uint64) uint64 { return f.sqrt(e, a) }},
		{"narrow", binary64, func(a, _ uint64) (uint64, bool) { r, ok := hostNarrow(a); return uint64(r), ok }, func(_ format, e *Env, a, _ uint64) uint64 { return uint64(F64to32(e, a)) }},
	} {
		r := newRand()
		used := 0
		var a, b uint64
		for range 50_000 {
			a = c.f.operand(r, b)
			b = c.f.operand(r, a)
			got, ok := c.host(a, b)
			if !ok {
				continue
			}
			used++
			e := Env{Masks: All, DAZ: r.IntN(2) == 0, FTZ: r.IntN(2) == 0} // PE clear: the portable code answers
			if want := c.soft(c.f, &e, a, b); got != want || e.Flags&^PE != 0 {
				t.Errorf("seed %d: %s a=%#x b=%#x: host %#x, portable %#x flags %06b", seed, c.name, a, b, got, want, e.Flags)
				break
			}
		}
		if used < 5_000 {
			t.Errorf("%s: the host was asked %d times, want 5000", c.name, used)
		}
	}
}
