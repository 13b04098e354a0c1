package interp

import (
	"encoding/hex"
	"strings"
	"testing"

	"vmrecord/vmm/x86"
)

// BenchmarkVector runs one instruction at a time, sixteen in a row and a jump.
func BenchmarkVector(b *testing.B) {
	for _, k := range []struct{ name, code string }{
		{"movups load", "0f100b"}, {"movups store", "0f110b"}, {"movaps reg", "0f28ca"}, {"movd", "660f6ec8"}, {"movsd load", "f20f100b"},
		{"pxor", "660fefca"}, {"pcmpeqb", "660f74ca"}, {"pmovmskb", "660fd7c1"}, {"paddd", "660ffeca"}, {"pshufb", "660f3800ca"},
		{"pshufd", "660f70ca1b"}, {"palignr", "660f3a0fca04"}, {"pminub", "660fdaca"}, {"punpcklbw", "660f60ca"}, {"psrld", "660f72d107"},
		{"addsd", "f20f58ca"}, {"mulsd", "f20f59ca"}, {"divsd", "f20f5eca"}, {"comisd", "660f2fca"}, {"cvtsi2sd", "f20f2ac8"}, {"cvttsd2si", "f20f2cc1"},
		{"addps", "0f58ca"}, {"fadd", "d8c1"}, {"pcmpistri", "660f3a63ca0c"},
		{"aesenc", "660f38dcca"}, {"aesdeclast", "660f38dfca"}, {"aesimc", "660f38dbca"}, {"pclmulqdq", "660f3a44ca10"}, {"sha1rnds4", "0f3accca01"}, {"sha256rnds2", "0f38cbca"},
		{"xsave", "480fae23"}, {"xsavec", "480fc723"}, {"xrstor", "480fae2b"}, {"fxsave", "480fae03"},
	} {
		b.Run(k.name, func(b *testing.B) {
			r := newRig(x86.Mode64, 0)
			code, err := hex.DecodeString(strings.Repeat(k.code, 16))
			if err != nil {
				b.Fatal(err)
			}
			n := copy(r.ram[rigCode:], code)
			copy(r.ram[rigCode+n:], []byte{0xeb, byte(-n - 2)})
			for _, w := range strings.Fields("dbl st rbx=20000 rax=3 mxcsr=1fa0 cr4=40620") {
				if err := assign(r.c, r.ram, w); err != nil {
					b.Fatal(err)
				}
			}
			r.steps(1000)
			b.ReportAllocs()
			b.ResetTimer()
			if r.steps(int64(b.N)) != outLook || r.c.err != nil {
				b.Fatal(r.c.Fault, r.c.err)
			}
		})
	}
}
