package softfp

import "testing"

func benchmark(b *testing.B, f func(e *Env, x, y uint64) uint64, csr uint32) {
	e := FromMXCSR(csr)
	x, y := uint64(0x3ff123456789abcd), uint64(0x4005bf0a8b145769)
	for b.Loop() {
		f(&e, x, y)
	}
}

func BenchmarkAdd64Fast(b *testing.B) { benchmark(b, Add64, 0x1fa0) }
func BenchmarkAdd64Soft(b *testing.B) { benchmark(b, Add64, 0x1f80|Up<<13) }
func BenchmarkMul64Fast(b *testing.B) { benchmark(b, Mul64, 0x1fa0) }
func BenchmarkMul64Soft(b *testing.B) { benchmark(b, Mul64, 0x1f80|Up<<13) }
func BenchmarkDiv64Soft(b *testing.B) { benchmark(b, Div64, 0x1f80|Up<<13) }
func BenchmarkSqrt64Soft(b *testing.B) {
	benchmark(b, func(e *Env, x, _ uint64) uint64 { return Sqrt64(e, x) }, 0x1f80|Up<<13)
}
func BenchmarkCvt64(b *testing.B) {
	benchmark(b, func(e *Env, x, _ uint64) uint64 { return uint64(F64truncInt64(e, x)) }, 0x1fa0)
}
func BenchmarkFromInt64(b *testing.B) {
	benchmark(b, func(e *Env, x, _ uint64) uint64 { return IntTo64(e, int64(x>>20)) }, 0x1fa0)
}
func BenchmarkOrder64(b *testing.B) {
	benchmark(b, func(e *Env, x, y uint64) uint64 { return uint64(Order64(e, x, y, true)) }, 0x1fa0)
}

func BenchmarkMul80(b *testing.B) {
	e := FromFCW(0x37f, 0)
	x, y := F80{0xc90fdaa22168c235, 0x4000}, F80{0xb17217f7d1cf79ac, 0x3ffe}
	for b.Loop() {
		Mul80(&e, x, y)
	}
}
