package silicon

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// loads puts selectors, far pointers and frames where an instruction takes
// them from.
func (p *plan) loads() {
	switch p.in.Sem {
	case x86.SemMovtoseg, x86.SemLar, x86.SemLsl:
		p.putSelector(p.in.Args[1])
	case x86.SemVerr, x86.SemVerw, x86.SemArpl:
		p.putSelector(p.in.Args[0])
	case x86.SemLoadfar:
		p.putSelectorAt(p.place + uint64(min(p.in.OpSize, 4)))
	case x86.SemPopseg:
		p.putSelectorAt(p.stackTop())
	case x86.SemJmpfar, x86.SemCallfar:
		var b [6]byte
		n := int(min(p.in.OpSize, 4)) + 2
		p.farPointer(b[:n])
		if p.in.Args[0].Kind == x86.Mem && !p.one(8) {
			p.c.putWin(p.place, b[:n])
		}
	case x86.SemRet:
		if p.aims(cpu.GP) {
			p.c.putWin(p.stackTop(), []byte{7: 0x40})
		}
	case x86.SemRetfar, x86.SemIret:
		p.frame()
	case x86.SemBound:
		p.bounds()
	}
}

func (p *plan) putSelector(a x86.Arg) {
	if a.Kind == x86.Reg {
		p.set(a.Reg, p.c.R[a.Reg]&^0xffff|uint64(p.selector()))
		return
	}
	p.putSelectorAt(p.place)
}

func (p *plan) putSelectorAt(la uint64) {
	p.c.putWin(la, binary.LittleEndian.AppendUint16(nil, p.selector()))
}

// stackTop is the linear address of the top of the stack.
func (p *plan) stackTop() uint64 {
	sp := p.c.R[x86.RSP]
	if p.unit.Mode != x86.Mode64 && segment(p.c.Sel[x86.SS]).Attr&cpu.AttrD == 0 {
		sp &= 0xffff
	}
	return p.c.linear(x86.SS, sp)
}

// target is a code selector and an offset: mostly one of the INT3s behind the
// instruction, so that nothing else runs.
func (p *plan) target() (sel uint16, off uint64) {
	sel = p.codeSelector()
	if sel|3 == selCode && p.unit.Mode != x86.Mode64 && (p.form.Sem == x86.SemCallfar || segment(p.c.Sel[x86.SS]).Attr&cpu.AttrD == 0) {
		sel = selCode32 // see skip; and RSP's upper half, undefined after a 16-bit stack, would count
	}
	at := p.slot + 40 + p.Uint64N(20)
	if sel&4 != 0 && int(sel>>3) < len(ldt) {
		at -= base(sel)
	}
	return sel, at
}

// farPointer writes an offset of len(b)-2 bytes and a selector.
func (p *plan) farPointer(b []byte) {
	sel, off := p.target()
	if p.one(8) {
		off = p.pick(32)
	}
	var v [8]byte
	binary.LittleEndian.PutUint64(v[:], off)
	n := len(b) - 2
	copy(b[:n], v[:])
	binary.LittleEndian.PutUint16(b[n:], sel)
}

// frame makes what RETF and IRET pop.
func (p *plan) frame() {
	sel, off := p.target()
	flags := p.Uint64()&0xfffff&^(1<<17) | 2
	stack := choose(p.rng, uint64(selStack), uint64(selStack), uint64(p.selector()))
	var b []byte
	for _, v := range []uint64{off, uint64(sel), flags, p.stackPointer(middle), stack} {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], v)
		b = append(b, w[:p.in.OpSize]...)
	}
	p.c.putWin(p.stackTop(), b)
}

// bounds makes an index lie about its bounds.
func (p *plan) bounds() {
	n := int(p.in.OpSize)
	v := p.c.R[p.in.Args[0].Reg]
	var b []byte
	for _, d := range []uint64{-uint64(p.IntN(4)), uint64(p.IntN(4)) - 1} {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], v+d)
		b = append(b, w[:n]...)
	}
	if !p.one(4) {
		p.c.putWin(p.place, b)
	}
}
