package silicon

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Selectors in user mode, as Linux has them (arch/x86/include/asm/segment.h).
const (
	selCode32 = 0x23
	selStack  = 0x2b
	selCode   = 0x33
	selTSS    = 0x40
	selLDT    = 0x50
	gdtBytes  = 0x80
)

// A descriptor is an entry of the child's LDT, as modify_ldt takes it: limit
// in bytes, or pages with inPages.
type descriptor struct {
	base, limit uint32
	contents    uint8 // 0 data, 1 data that expands down, 2 code
	big         bool  // D/B
	readOnly    bool  // data that cannot be written, code that cannot be read
	inPages     bool
	absent      bool
}

// nearAt is the base of segments in which 16-bit offsets reach all of the data.
const nearAt = 0x1000a000

// The LDT: entries below ldtCode serve as stacks too; from ldtEdge on there is
// a code segment of 32 bits for each edge, with its limit there, then one of 16.
var ldt = append([]descriptor{
	{limit: 0xfffff, big: true, inPages: true},
	{base: nearAt, limit: 0xffff, big: true},
	{base: window1, limit: window1Bytes/2 + 0x40, big: true},
	{base: nearAt, limit: middle - 0x41 - nearAt, contents: 1, big: true},
	{base: nearAt, limit: middle - 0x41 - nearAt, contents: 1},
	{base: nearAt, limit: 0xffff},
	{base: nearAt, limit: middle + 0x80 - nearAt},
	{base: codeAt, limit: codeBytes - 1, contents: 2, big: true},
	{base: codeAt, limit: codeBytes - 1, contents: 2, big: true, readOnly: true},
	{base: codeAt, limit: codeBytes - 1, contents: 2},
	{base: nearAt, limit: 0xffff, contents: 2, big: true},
	{base: nearAt, limit: 0xffff, readOnly: true, big: true},
	{base: nearAt, limit: 0xffff, big: true, absent: true},
	{base: codeAt, limit: codeBytes - 1, contents: 2, big: true, absent: true},
}, edgeSegments()...)

func edgeSegments() (d []descriptor) {
	for i := range uint32(2 * edges) {
		d = append(d, descriptor{base: edgesAt + i%edges*edgeStride, limit: pageBytes - 1, contents: 2, big: i < edges})
	}
	return d
}

const (
	ldtNear   = 1
	ldtStack  = 5 // 16 bits wide
	ldtCode   = 7
	ldtCode16 = 9
	ldtUsable = 12 // those below can be in a data segment register, if they can be read
	ldtAbsent = 12 // data, then code
	ldtEdge   = 14
)

func inLDT(n int) uint16 { return uint16(n)<<3 | 7 }

// appendUserDescs appends what modify_ldt(0x11) takes for each entry, and an
// end mark.
func appendUserDescs(b []byte) []byte {
	le := binary.LittleEndian
	for i, d := range ldt {
		b = le.AppendUint32(b, uint32(i))
		b = le.AppendUint32(b, d.base)
		b = le.AppendUint32(b, d.limit)
		b = le.AppendUint32(b, bit(d.big)|uint32(d.contents)<<1|bit(d.readOnly)<<3|bit(d.inPages)<<4|bit(d.absent)<<5|1<<6)
	}
	return le.AppendUint32(b, ^uint32(0))
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// quad is the descriptor in memory, as Linux makes it: DPL 3, accessed, AVL set
// (SDM vol. 3A, 3.4.5).
func (d *descriptor) quad() uint64 {
	typ := uint64(1 | (bit(d.readOnly)^1)<<1 | uint32(d.contents)<<2)
	high := typ | 1<<4 | 3<<5 | uint64(bit(d.absent)^1)<<7 | 1<<12 | uint64(bit(d.big))<<14 | uint64(bit(d.inPages))<<15
	v := uint64(d.limit&0xffff) | uint64(d.limit>>16&15)<<48 | high<<40
	return v | uint64(d.base&0xffffff)<<16 | uint64(d.base>>24)<<56
}

// gdt is Linux's, as far as programs can tell. Entry 15, whose limit is the
// processor's number, is not used.
var gdt = [gdtBytes / 8]uint64{
	1: 0x00cf9b000000ffff,
	2: 0x00af9b000000ffff,
	3: 0x00cf93000000ffff,
	4: 0x00cffb000000ffff,
	5: 0x00cff3000000ffff,
	6: 0x00affb000000ffff,
}

// segment is what a segment register holds after a selector was loaded.
func segment(sel uint16) cpu.Segment {
	if sel&^3 == 0 {
		return cpu.Segment{Sel: sel}
	}
	d := gdt[sel>>3&15]
	if sel&4 != 0 {
		d = ldt[sel>>3].quad()
	}
	s := cpu.Segment{Sel: sel, Attr: uint16(d >> 40 & 0xf0ff), Base: d>>16&0xffffff | d>>56<<24, Limit: uint32(d&0xffff | d>>32&0xf0000)}
	if s.Attr&cpu.AttrG != 0 {
		s.Limit = s.Limit<<12 | 0xfff
	}
	return s
}

// base is the base of a selector's segment.
func base(sel uint16) uint64 {
	if sel&4 == 0 {
		return 0
	}
	return uint64(ldt[sel>>3].base)
}

// selectors chooses the segment registers: Linux's flat ones mostly, and what
// lets 16-bit offsets reach the data where those are used.
func (p *plan) selectors() {
	s := &p.c.Sel
	if p.unit.Mode == x86.Mode64 {
		*s = [6]uint16{x86.CS: selCode, x86.SS: selStack}
		for _, r := range []int{x86.ES, x86.DS, x86.FS, x86.GS} {
			s[r] = choose[uint16](p.rng, 0, 0, selStack)
		}
		return
	}
	*s = [6]uint16{x86.SS: p.stackSelector()}
	for _, r := range []int{x86.ES, x86.DS, x86.FS, x86.GS} {
		s[r] = p.dataSelector()
	}
	switch {
	case p.brink && p.want.Mode == x86.Mode16:
		s[x86.CS] = inLDT(ldtEdge + edges + p.at.Edge)
	case p.brink && p.one(2):
		s[x86.CS] = inLDT(ldtEdge + p.at.Edge)
	case p.brink:
		s[x86.CS] = selCode32
	case p.want.Mode == x86.Mode16:
		s[x86.CS] = inLDT(ldtCode16)
	case p.one(8):
		s[x86.CS] = inLDT(ldtCode + p.IntN(2))
	default:
		s[x86.CS] = selCode32
	}
}

func (p *plan) dataSelector() uint16 {
	switch n := p.IntN(32); {
	case p.aims(cpu.GP) && n < 24:
		return choose(p.rng, 0, inLDT(ldtNear), inLDT(ldtNear+1), inLDT(ldtStack))
	case n == 0:
		return 0
	case n < 8:
		if i := p.IntN(ldtUsable); i != ldtCode+1 {
			return inLDT(i)
		}
	}
	if p.short {
		return inLDT(ldtNear)
	}
	return selStack
}

func (p *plan) stackSelector() uint16 {
	switch {
	case p.one(5) || p.aims(cpu.SS):
		return inLDT(p.IntN(ldtCode))
	case p.short:
		return inLDT(choose(p.rng, ldtNear, ldtStack))
	}
	return selStack
}

// selector is one that an instruction may load or look at: every kind, with
// every RPL now and then.
func (p *plan) selector() uint16 {
	if p.aims(cpu.NP) || p.aims(cpu.SS) && p.one(2) {
		return inLDT(ldtAbsent + p.IntN(2))
	}
	s := inLDT(p.IntN(ldtEdge + 1))
	if p.one(32) {
		s = inLDT(len(ldt))
	}
	switch p.IntN(4) {
	case 0:
		s = choose[uint16](p.rng, 0, selCode32, selStack, selStack, selCode, 0x0b, 0x10, 0x1b, selTSS, selLDT, 0x63, gdtBytes|3, uint16(p.Uint64())|0x80)
	case 1:
		if p.one(2) {
			s ^= uint16(p.IntN(4))
		}
	}
	return s
}

// codeSelector is one that control may be transferred to.
func (p *plan) codeSelector() uint16 {
	if p.one(4) || p.aims(cpu.NP) {
		return p.selector()
	}
	return choose(p.rng, selCode32, selCode32, selCode, inLDT(ldtCode), inLDT(ldtCode+1), inLDT(ldtCode16))
}

// off is the offset of a linear address in a segment.
func (p *plan) off(seg uint8, la uint64) uint64 {
	if p.unit.Mode == x86.Mode64 {
		return la - p.c.wideBase(seg)
	}
	return (la - base(p.c.Sel[seg])) & 0xffffffff
}

// wideBase is the base of a segment in 64-bit code.
func (c *Case) wideBase(seg uint8) uint64 {
	if seg < x86.FS {
		return 0
	}
	return c.Base[seg-x86.FS]
}

// linear is the linear address of an offset in a segment, without checks.
func (c *Case) linear(seg uint8, off uint64) uint64 {
	if c.Mode == x86.Mode64 {
		return off + c.wideBase(seg)
	}
	return (off + base(c.Sel[seg])) & 0xffffffff
}
