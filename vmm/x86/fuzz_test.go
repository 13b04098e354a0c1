package x86

import (
	"errors"
	"testing"
)

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"48 01 d8", "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66", "0f 38 f0 03", "f0 48 0f c7 0f", "c8 00 00 00", "0f 01 f8", "67 66 8b 84 25 00 00 00 00", "9b d9 e8"} {
		f.Add(unhex(f, s), uint8(0))
	}
	f.Fuzz(func(t *testing.T, code []byte, m uint8) {
		mode := Mode(m % 3)
		in, err := Decode(code, mode)
		if err != nil {
			if errors.Is(err, ErrShort) && len(code) >= MaxLen {
				t.Fatalf("% x: wants more than %d bytes", code, MaxLen)
			}
			return
		}
		if in.Len == 0 || in.Len > MaxLen || int(in.Len) > len(code) {
			t.Fatalf("% x: length %d of %d", code, in.Len, len(code))
		}
		_ = in.String()
		again, err := Decode(code[:in.Len], mode)
		if err != nil || again != in {
			t.Fatalf("% x: alone it is %+v, %v; with what follows %+v", code[:in.Len], again, err, in)
		}
	})
}

// Every opcode under every prefix and ModRM is a row or proved undefined.
func TestNoHoles(t *testing.T) {
	var code [MaxLen]byte
	for _, escape := range []string{"", "\x0f", "\x0f\x38", "\x0f\x3a"} {
		for _, prefix := range []string{"", "\x66", "\xf3", "\xf2"} {
			n := copy(code[:], prefix+escape)
			for i := range 1 << 16 {
				code[n], code[n+1] = uint8(i), uint8(i>>8)
				for mode := range Mode16 + 1 {
					if _, err := Decode(code[:], mode); err != nil {
						t.Fatalf("% x, mode %d: %v", code, mode, err)
					}
				}
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	codes := [][]byte{
		unhex(b, "48 8b 44 24 08"), unhex(b, "0f 84 00 01 00 00"), unhex(b, "66 41 0f 6f 04 24"), unhex(b, "48 83 c0 01"),
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := Decode(codes[i&3], Mode64); err != nil {
			b.Fatal(err)
		}
	}
}
