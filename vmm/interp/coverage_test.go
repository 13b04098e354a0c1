package interp

import (
	"testing"

	"vmrecord/vmm/x86"
)

// Rows that stop the machine until what they need is built.
var later = map[string]string{}

// Every encoding of the one-, two- and three-byte maps, with every mandatory
// prefix and ModRM byte, is one of the four kinds; what is left for later is
// named above.
func TestEveryEncodingHasAStanding(t *testing.T) {
	var n [4]int
	maps := [][]byte{nil, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}}
	for _, mode := range []x86.Mode{x86.Mode64, x86.Mode32} {
		for _, escape := range maps {
			for _, prefix := range [][]byte{nil, {0x66}, {0xf3}, {0xf2}, {0x48}} {
				for op := range 256 {
					for modrm := range 256 {
						code := append(append(append([]byte{}, prefix...), escape...), byte(op), byte(modrm), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
						in, err := x86.Decode(code, mode)
						if err == x86.ErrTooLong || err == x86.ErrShort {
							continue // a run of prefixes
						}
						if err != nil {
							t.Fatalf("% x in mode %d: %v", code[:6], mode, err)
						}
						if in.Sem == x86.SemUd {
							n[Undefined]++
							continue
						}
						n[StandingOf(int(in.Row))]++
					}
				}
			}
		}
	}
	t.Logf("implemented %d, #UD %d, not claimed %d, later %d encodings", n[0], n[1], n[2], n[3])
	got := map[string]bool{}
	for row := range x86.Table {
		if StandingOf(row) == Later {
			got[x86.Table[row].Text] = true
			if later[x86.Table[row].Text] == "" {
				t.Errorf("row %q has no routine and is not listed", x86.Table[row].Text)
			}
		}
	}
	for text := range later {
		if !got[text] {
			t.Errorf("row %q is listed for later, but is not", text)
		}
	}
}
