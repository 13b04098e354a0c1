package interp

import (
	"encoding/hex"
	"testing"

	"vmrecord/vmm/x86"
)

// kernels are small endless programs at rigCode, with their source.
var kernels = []struct{ name, code string }{
	// A sieve of 8192 bytes, filled by a loop of byte stores.
	{"sieve", "31ffb801000000888700000200ffc781ff0020000072f0be0200000080be000002000074148d3c36c6870000020000" +
		"01f781ff0020000072efffc683fe5b72dcebbe"},
	// The table of CRC-32, then sixteen times 4 KiB through it.
	{"crc", "bf0010020031c989c8ba08000000d1e87305352083b8edffca75f389048fffc181f90001000072df41b810000000be00" +
		"200200b9001000000fb60630d00fb6c0c1ea0833148748ffc6ffc975eb41ffc875dcebac"},
	// Rotations, logic and additions as in a SHA-256 round.
	{"sha", "bb0020020041bf400000004489c0c1c8064489c1c1c90b31c8c1c90e31c84489c94431d14421c14431d101c80303458d" +
		"a404982f8a42" + "4489d94409c94421e1c1c11e4101ca410fca448993000100004489c24589c84589d14589da4589e34189d44883" +
		"c30441ffcf75a1eb94"},
	// fib(18) by recursion: PUSH, POP, CALL, RET.
	{"fib", "bf12000000e802000000ebf4535789f883ff027c17ffcfe8f0ffffff89c3488b3c2483ef02e8e2ffffff01d85f5bc3"},
	// 8 KiB copied by pairs of 64-bit loads and stores.
	{"copy", "be00000200bf0040020031c9488b040e488b540e084889040f4889540f084883c1104881f90020000072e1ebd3"},
	// 8 KiB copied by REP MOVSB, 16-bit counts.
	{"movs", "be00000200bf00400200b900200000f3a4ebed"},
}

// BenchmarkMIPS runs each kernel and reports steps in millions a second.
func BenchmarkMIPS(b *testing.B) {
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			r := newRig(x86.Mode64, 0)
			code, err := hex.DecodeString(k.code)
			if err != nil {
				b.Fatal(err)
			}
			copy(r.ram[rigCode:], code)
			r.steps(100000)
			b.ResetTimer()
			if r.steps(int64(b.N)) != outLook || r.c.err != nil {
				b.Fatal(r.c.Fault, r.c.err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "MIPS")
		})
	}
}
