package interp

import (
	"encoding/binary"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// TestPermission: the I/O permission bitmap (SDM vol. 1, 19.5.2). All bits are
// clear but that of port 13; OUT to EDX in ring 3.
func TestPermission(t *testing.T) {
	const tss, bitmap = rigData, 0x80
	for _, c := range []struct {
		name  string
		attr  uint16
		limit uint32
		iopl  uint64
		code  string // OUT DX, AL, AX or EAX
		port  uint64
		ok    bool
	}{
		{"clear", 0x8b, bitmap + 9, 0, "\xee", 12, true},
		{"set", 0x8b, bitmap + 9, 0, "\xee", 13, false},
		{"set, IOPL 3", 0x8b, bitmap + 9, 3, "\xee", 13, true},
		{"set, IOPL 2", 0x8b, bitmap + 9, 2, "\xee", 13, false},
		{"first of two", 0x8b, bitmap + 9, 0, "\x66\xef", 13, false},
		{"second of two", 0x8b, bitmap + 9, 0, "\x66\xef", 12, false},
		{"last of four", 0x8b, bitmap + 9, 0, "\xef", 10, false},
		{"below", 0x8b, bitmap + 9, 0, "\xef", 9, true},
		{"across bytes", 0x8b, bitmap + 9, 0, "\xef", 15, true},
		{"last byte but one", 0x8b, bitmap + 9, 0, "\xee", 64 + 7, true},
		{"last byte: the next one is needed", 0x8b, bitmap + 9, 0, "\xee", 64 + 8, false},
		{"base beyond the limit", 0x8b, bitmap - 1, 0, "\xee", 0, false},
		{"no base", 0x8b, 102, 0, "\xee", 0, false},
		{"16-bit task state", 0x83, bitmap + 9, 0, "\xee", 12, false},
	} {
		r := newRig(x86.Mode64, 3)
		r.c.TR = cpu.Segment{Sel: 0x28, Attr: c.attr, Limit: c.limit, Base: tss}
		binary.LittleEndian.PutUint16(r.ram[tss+102:], bitmap)
		r.ram[tss+bitmap+1] = 1 << 5
		r.c.RFLAGS |= c.iopl << 12
		r.c.R[x86.RDX] = c.port
		copy(r.ram[rigCode:], c.code)
		if out := r.steps(1); (out == outLook) != c.ok || r.c.err != nil || !c.ok && r.c.Fault.Vector != cpu.GP {
			t.Errorf("%s: outcome %d, fault %+v, %v", c.name, out, r.c.Fault, r.c.err)
		}
	}
}
