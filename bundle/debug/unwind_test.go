package debug

import "testing"

// Callers of each kind, by what stands in memory.
func TestCaller(t *testing.T) {
	memory := map[uint64]uint64{}
	for la := uint64(0x1000); la < 0x1200; la += 8 {
		memory[la] = la * 0x10 // 10000, 10080, ...
	}
	memory[0x1050] = 0x1100
	read := func(la uint64) (uint64, bool) { v, ok := memory[la]; return v, ok }
	row := func(kind orcKind, spr uint8, sp int16, bpr uint8, bp int16) orcRow {
		return orcRow{addr: kernelHalf + 0x100, sp: sp, bp: bp, spr: spr, bpr: bpr, kind: kind}
	}
	at := Frame{PC: kernelHalf + 0x180, SP: 0x1000, BP: 0x1100, Exact: true}
	for _, c := range []struct {
		name string
		row  orcRow
		at   Frame
		want Frame
		ok   bool
	}{
		{"call", row(orcCall, orcSP, 16, 0, 0), at, Frame{0x10080, 0x1010, 0x1100, false}, true},
		{"call, BP kept on the stack", row(orcCall, orcSP, 24, orcPrevSP, -16), at, Frame{0x10100, 0x1018, 0x10080, false}, true},
		{"frame by BP", row(orcCall, orcBP, 16, orcPrevSP, -16), at, Frame{0x11080, 0x1110, 0x11000, false}, true},
		{"another stack", row(orcCall, orcSPMem, 8, 0, 0), Frame{PC: kernelHalf + 0x180, SP: 0x1050}, Frame{0x11000, 0x1108, 0, false}, true},
		{"registers", row(orcRegs, orcSP, 0, 0, 0), at, Frame{0x10800, 0x10980, 0x10200, true}, true},
		{"interrupt", row(orcPartial, orcSP, 8, 0, 0), at, Frame{0x10080, 0x10200, 0x1100, true}, true},
		{"end", row(orcEnd, orcSP, 0, 0, 0), at, Frame{}, false},
		{"unknown", row(orcNone, 0, 0, 0, 0), at, Frame{}, false},
		{"a register that is not kept", row(orcCall, orcR10, 0, 0, 0), at, Frame{}, false},
		{"no memory", row(orcCall, orcSP, 0x300, 0, 0), at, Frame{}, false},
		{"before the table", row(orcCall, orcSP, 16, 0, 0), Frame{PC: kernelHalf + 0x100, SP: 0x1000}, Frame{}, false},
		{"behind it", row(orcCall, orcSP, 16, 0, 0), Frame{PC: kernelHalf + 0x200, SP: 0x1000, Exact: true}, Frame{}, false},
		{"a call at a function's end", row(orcCall, orcSP, 16, 0, 0), Frame{PC: kernelHalf + 0x200, SP: 0x1000}, Frame{0x10080, 0x1010, 0, false}, true},
	} {
		u := &Unwinder{[]orcRow{c.row, {addr: kernelHalf + 0x200}}}
		got, ok := u.Caller(c.at, read)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %#v, %v; want %#v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}
