package debug

import (
	"encoding/binary"
	"fmt"

	"vmrecord/vmm/guestos"
)

// An orcRow says how a function is unwound from an address on, up to the next
// row's.
type orcRow struct {
	addr     uint64
	sp, bp   int16 // offsets
	spr, bpr uint8 // what they are from
	kind     orcKind
}

// An orcKind is what lies where the stack pointer was before.
type orcKind uint8

const (
	orcNone    orcKind = iota // not known
	orcEnd                    // nothing: the outermost
	orcCall                   // a call's frame
	orcRegs                   // a pt_regs
	orcPartial                // what an interrupt pushes
)

// Registers as tables number them (orc_types.h), and as DWARF does (System V ABI,
// AMD64 supplement, figure 3.36).
const (
	orcPrevSP = 1
	orcDX     = 2
	orcDI     = 3
	orcBP     = 4
	orcSP     = 5
	orcR10    = 6
	orcR13    = 7
	orcBPMem  = 8
	orcSPMem  = 9

	dwarfRBP, dwarfRSP, dwarfRA = 6, 7, 16
)

const maxORC = 1 << 22 // rows

// orcOf reads a kernel's table; nil if it has none that is known.
func orcOf(l *guestos.Linux) []orcRow {
	ip, ok := l.Symbol("__start_orc_unwind_ip")
	end, ok2 := l.Symbol("__stop_orc_unwind_ip")
	table, ok3 := l.Symbol("__start_orc_unwind")
	if !ok || !ok2 || !ok3 {
		return nil
	}
	return readORC(l, guestos.ORC{IP: ip.Addr, Rows: table.Addr, Count: (end.Addr - ip.Addr) / orcIPBytes})
}

// orcOfModules reads the tables of modules, and ends each with a row of which
// nothing is known. What a module gave back when it was loaded is left out.
func orcOfModules(l *guestos.Linux, all []guestos.Module) (rows []orcRow) {
	for _, m := range all {
		for _, r := range readORC(l, m.ORC) {
			if r.addr-m.Base < m.Size && len(rows) < maxORC {
				rows = append(rows, r)
			}
		}
		rows = append(rows, orcRow{addr: m.Base + m.Size})
	}
	return rows
}

// readORC reads a table that the guest says it has.
func readORC(l *guestos.Linux, t guestos.ORC) []orcRow {
	var major, minor int
	if n, _ := fmt.Sscanf(l.Release(), "%d.%d", &major, &minor); n != 2 || major == 6 && minor == 3 || t.Count > maxORC {
		return nil
	}
	read := func(at, size uint64) []byte {
		b := make([]byte, size)
		return b[:l.Read(at, b)]
	}
	return orcRows(t.IP, read(t.IP, t.Count*orcIPBytes), read(t.Rows, t.Count*orcBytes), major > 6 || major == 6 && minor > 3)
}

const (
	orcIPBytes = 4
	orcBytes   = 6
)

// orcRows reads the two tables: four bytes a row, its address less that of these
// bytes; and six: offsets of SP and BP, two bytes each, then from bit 0 on the
// registers they are from, four bits each, and the kind: in two bits, call, regs,
// partial, and in bit 10 the end; since Linux 6.4 in three bits, as orcKind.
func orcRows(base uint64, ip, table []byte, new bool) (rows []orcRow) {
	le := binary.LittleEndian
	for i := range min(len(ip)/4, len(table)/orcBytes) {
		e := table[i*orcBytes:]
		w := le.Uint16(e[4:])
		r := orcRow{addr: base + uint64(i*4) + uint64(int64(int32(le.Uint32(ip[i*4:])))),
			sp: int16(le.Uint16(e)), bp: int16(le.Uint16(e[2:])), spr: uint8(w & 15), bpr: uint8(w >> 4 & 15)}
		switch kind := orcKind(w >> 8 & 7); {
		case new && kind <= orcPartial:
			r.kind = kind
		case new:
		case kind&4 != 0:
			r.kind = orcEnd
		case r.spr != 0 && kind < 3:
			r.kind = orcCall + kind
		}
		if n := len(rows); n > 0 && r.addr < rows[n-1].addr {
			return nil // a kernel's table is in order
		}
		rows = append(rows, r)
	}
	return rows
}

// frames makes .debug_frame of rows (DWARF 4, 6.4): gdb unwinds with it. Entries
// begin anew every so many rows, and where the kind changes between those of calls
// and of interrupts: the latter have an augmentation of their own, S, which says
// that the caller's address is no return address.
func frames(rows []orcRow) []byte {
	const most = 64
	var b []byte
	calls := entry(&b, 0xffffffff, cie(""))
	interrupts := entry(&b, 0xffffffff, cie("S"))
	for i := 0; i+1 < len(rows); {
		from, signal := i, rows[i].kind >= orcRegs
		var code []byte
		for ; i+1 < len(rows) && i-from < most && rows[i].kind != orcNone && (rows[i].kind >= orcRegs) == signal; i++ {
			if i > from {
				const advance4 = 4
				code = binary.LittleEndian.AppendUint32(append(code, advance4), uint32(rows[i].addr-rows[i-1].addr))
			}
			code = rows[i].rules(code)
		}
		if i == from {
			i++
			continue
		}
		which := calls
		if signal {
			which = interrupts
		}
		le := binary.LittleEndian
		entry(&b, which, append(le.AppendUint64(le.AppendUint64(nil, rows[from].addr), rows[i].addr-rows[from].addr), code...))
	}
	return b
}

// cie is what entries have in common: version 1, offsets in units of 8 bytes, and
// the column of the return address.
func cie(augmentation string) []byte {
	return append([]byte("\x01"+augmentation+"\x00"), 1, 8, dwarfRA)
}

// entry appends one, padded with DW_CFA_nop, and returns where it is.
func entry(b *[]byte, id uint32, body []byte) (at uint32) {
	at = uint32(len(*b))
	for (len(body)+8)%8 != 0 {
		body = append(body, 0)
	}
	*b = binary.LittleEndian.AppendUint32(*b, uint32(len(body)+4))
	*b = append(binary.LittleEndian.AppendUint32(*b, id), body...)
	return at
}

// rules appends a row's: where the frame is, and where in it registers are.
func (r orcRow) rules(b []byte) []byte {
	const (
		undefined, sameValue, defCFAExpr, offsetSF = 0x07, 0x08, 0x0f, 0x11 // DW_CFA_
		breg0, deref, consts, plus                 = 0x70, 0x06, 0x11, 0x22 // DW_OP_
	)
	outermost := append(b, defCFAExpr, 2, breg0+dwarfRSP, 0, undefined, dwarfRA) // gdb wants a frame all the same
	if r.kind == orcEnd {
		return outermost
	}
	memory := func(reg byte, before, behind int16) {
		e := append(sleb([]byte{breg0 + reg}, int64(before)), deref, consts)
		e = append(sleb(e, int64(behind)), plus)
		b = append(append(b, defCFAExpr, byte(len(e))), e...)
	}
	switch dwarf := map[uint8]byte{orcDX: 1, orcDI: 5, orcBP: dwarfRBP, orcSP: dwarfRSP, orcR10: 10, orcR13: 13}; r.spr {
	case orcSPMem:
		memory(dwarfRSP, 0, r.sp)
	case orcBPMem:
		memory(dwarfRBP, r.sp, 0)
	default:
		reg, ok := dwarf[r.spr]
		if !ok {
			return outermost
		}
		e := sleb([]byte{breg0 + reg}, int64(r.sp))
		b = append(append(b, defCFAExpr, byte(len(e))), e...)
	}
	at := func(reg byte, word int64) { b = sleb(append(b, offsetSF, reg), word) }
	switch r.kind {
	case orcRegs:
		// struct pt_regs: R15 R14 R13 R12 RBP RBX R11 R10 R9 R8 RAX RCX RDX RSI RDI,
		// what was asked, RIP CS RFLAGS RSP SS.
		for i, reg := range []byte{15, 14, 13, 12, dwarfRBP, 3, 11, 10, 9, 8, 0, 2, 1, 4, 5} {
			at(reg, int64(i))
		}
		at(dwarfRA, 16)
		at(dwarfRSP, 19)
		return b
	case orcPartial:
		at(dwarfRA, 0)
		at(dwarfRSP, 3)
	default:
		at(dwarfRA, -1)
	}
	if r.bpr == orcPrevSP && r.bp%8 == 0 {
		at(dwarfRBP, int64(r.bp)/8)
		return b
	}
	return append(b, sameValue, dwarfRBP)
}

// sleb appends a number as DWARF writes signed ones.
func sleb(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
