package silicon

import (
	"encoding/binary"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A plan is what is decided about a case before its bytes are made.
type plan struct {
	rng
	unit  Unit
	form  *x86.Form
	kind  kind
	bytes int // of the memory operand, roughly
	at    Place
	brink bool   // the code stands at the edge
	slot  uint64 // where it may begin otherwise
	place uint64 // address of the memory operand
	short bool   // 16-bit addresses
	aimed bool   // at the exception goal
	goal  uint8
	want  x86.Want
	in    x86.Inst
	c     Case
}

// Generate makes case seq of a unit, for a place; false if the unit has no
// encoding that fits. The same seed gives the same case in the same place.
func Generate(seed uint64, u Unit, seq int, at Place) (Case, bool) {
	p := plan{rng: newRNG(seed, uint64(u.Row)|uint64(u.Mode)<<16|uint64(u.Size)<<20, uint64(seq)), unit: u, form: &x86.Table[u.Row]}
	p.at, p.brink, p.slot = at, atBrink(seq), slotAt+uint64(at.Slot)*slotBytes
	p.c.Seq, p.c.Unit = seq, u
	p.kind = kindOf(p.form)
	p.aim()
	p.mode()
	p.selectors()
	p.chooseBases()
	p.wish()
	if !p.encode() {
		return Case{}, false
	}
	p.state()
	p.memory()
	p.implied()
	p.loads()
	p.flags()
	if u.Mode != x86.Mode64 {
		for i := range 8 {
			p.c.R[i] &= 0xffffffff
		}
	}
	return p.c, true
}

// mode chooses between 32-bit and 16-bit code, and between sizes of addresses.
func (p *plan) mode() {
	w := &p.want
	w.Mode = p.unit.Mode
	if w.Mode != x86.Mode64 {
		if p.one(8) {
			w.Mode = x86.Mode16
		}
		p.short = p.one(5)
	}
	p.c.Mode = w.Mode
}

// kindOf is the sort of data that a row's operands are.
func kindOf(f *x86.Form) kind {
	name, _, _ := strings.Cut(f.Text, " ")
	switch {
	case strings.HasPrefix(name, "PCMPESTR"), strings.HasPrefix(name, "PCMPISTR"):
		return kindText
	case name == "FBLD":
		return kindBCD
	case strings.Contains(f.Text, "m32fp"):
		return kindF32
	case strings.Contains(f.Text, "m64fp"):
		return kindF64
	case strings.Contains(f.Text, "m80fp"):
		return kindF80
	case strings.HasPrefix(name, "CVTDQ"), strings.HasPrefix(name, "CVTPI"), strings.HasPrefix(name, "CVTSI"):
		return kindInt
	case f.Attr&x86.AttrFp == 0:
		return kindInt
	case strings.Contains(name, "PD"), strings.Contains(name, "SD"):
		return kindF64
	}
	return kindF32
}

// wish decides on operand size, addressing and the operand's place.
func (p *plan) wish() {
	f := p.form
	w := &p.want
	w.Rand = p.IntN
	if !p.unit.undefined() {
		w.OpSize = p.unit.Size
	}
	w.Mem = w.Mem || p.one(2)
	p.bytes = operandBytes(f, w.OpSize)
	align := uint64(1)
	switch {
	case oneOf(f.Sem, xsaves):
		align = 64
	case f.Attr&x86.AttrA16 != 0 || strings.HasPrefix(f.Text, "FX"):
		align = 16
	}
	p.place = p.address(uint64(p.bytes), align)
	regs := 16
	if w.Mode != x86.Mode64 {
		regs = 8
	}
	w.Base, w.Index, w.Scale = uint8(p.IntN(regs)), x86.NoReg, uint8(p.IntN(4))
	w.Disp = int32(choose(p.rng, 0, int64(p.IntN(256))-128, int64(int32(p.Uint64()))))
	if p.one(3) {
		if w.Index = uint8(p.IntN(regs)); w.Index == x86.RSP || w.Index == w.Base {
			w.Index = x86.NoReg
		}
	}
	switch {
	case p.aims(cpu.SS):
		w.Base = choose[uint8](p.rng, x86.RSP, x86.RBP)
	case p.aims(cpu.GP):
		w.Base = x86.RBX
	case p.one(8) && w.Mode == x86.Mode64: // RIP-relative; the code is placed to fit
		w.Base, w.Index = x86.NoReg, x86.NoReg
		w.Disp = int32(p.place - p.slot - relSlack)
	case p.one(8) && w.Mode != x86.Mode64: // absolute
		w.Base, w.Index = x86.NoReg, x86.NoReg
		w.Disp = int32(p.off(x86.DS, p.place))
	case p.one(16) && w.Index != x86.NoReg:
		w.Base, w.Disp = x86.NoReg, int32(p.place)
	}
	if moffs(f) {
		w.Base, w.Disp = x86.NoReg, int32(p.off(x86.DS, p.place))
	}
	if oneOf(f.Sem, xsaves) && w.Base <= x86.RDX { // RAX and RDX choose components
		w.Base = x86.RBX
	}
	if oneOf(f.Sem, xsaves) && w.Index <= x86.RDX {
		w.Index = x86.RSI
	}
	w.Rel = int32(choose(p.rng, int64(p.IntN(256))-128, int64(int32(p.Uint64())), -0x40))
	if p.brink && p.one(2) {
		w.Rel = int32(relSlack + p.IntN(128-relSlack)) // beyond the edge
	}
}

// relSlack is where the instruction after one with a RIP-relative operand
// begins, from the start of the slot.
const relSlack = 24

// operandBytes is the size of the row's memory operand.
func operandBytes(f *x86.Form, opSize uint8) int {
	switch f.Sem {
	case x86.SemFxsave, x86.SemFxrstor:
		return 512
	case x86.SemXsave, x86.SemXsaveopt, x86.SemXsavec, x86.SemXrstor:
		return xsaveBytes
	case x86.SemFldenv, x86.SemFnstenv:
		return 28
	case x86.SemFrstor, x86.SemFnsave:
		return 108
	}
	return memBytes(f, opSize)
}

// memBytes is the size of a form's plain memory operand; at least 1.
func memBytes(f *x86.Form, opSize uint8) int {
	n := 0
	for _, o := range f.Ops[:f.NOps] {
		w := o.Mem
		switch {
		case w < x86.WidthV:
			n = max(n, int(w))
		case w == x86.WidthPair:
			n = max(n, 2*int(opSize))
		case w == x86.WidthFar, w == x86.WidthTable:
			n = max(n, 10)
		default:
			n = max(n, int(opSize))
		}
	}
	if f.NOps == 0 || f.Ops[0].Loc == x86.LocNone {
		n = int(opSize)
	}
	return max(n, 1)
}

// address chooses where n bytes of memory are: mostly well inside a window,
// now and then across two pages, at or over the border of what is mapped,
// where only reading is allowed, or nowhere.
func (p *plan) address(n, align uint64) uint64 {
	if align > 1 && p.one(8) {
		align = 1
	}
	if p.one(2) {
		for align < n && align < 16 {
			align *= 2
		}
	}
	room := uint64(64)
	if n > 400 {
		room = 0
	}
	a := window1 + room + p.Uint64N(window1Bytes-n-2*room+1)
	if p.aimed {
		return p.aimedAddress(n, a&^(align-1))
	}
	switch p.IntN(24) {
	case 0, 1:
		a = middle - p.Uint64N(n+1)
	case 2:
		a = border - p.Uint64N(n+1)
	case 3:
		a = dataAt - p.Uint64N(n+1)
	case 4:
		a = fixedAt + p.Uint64N(pageBytes-n)
	case 5:
		if p.one(2) {
			a = p.pointer()
		}
	case 6:
		a = window2 + p.Uint64N(max(window2Bytes, n)-n+1)
	}
	return a &^ (align - 1)
}

// aimedAddress is a place for n bytes that serves the goal; a is a good one.
func (p *plan) aimedAddress(n, a uint64) uint64 {
	switch {
	case p.goal == cpu.PF:
		return choose(p.rng, border, fixedAt, dataAt-1-p.Uint64N(n), border-p.Uint64N(n+1))
	case p.goal == cpu.AC:
		return a | 1
	case p.goal != cpu.GP && p.goal != cpu.SS:
	case p.unit.Mode == x86.Mode64:
		return (p.Uint64()>>1 | 1<<62) &^ 63
	default:
		return choose(p.rng, 0, uint64(nearAt-1), nearAt+0xffff, nearAt+0x10000, p.Uint64()&0xffffffff)
	}
	return a
}

// state fills registers and windows.
func (p *plan) state() {
	c := &p.c
	for i := range c.R {
		c.R[i] = p.value()
	}
	p.draw(p.kind, c.Win[:])
	p.x87()
	p.draw(p.kind, c.FX[fxXMM:])
	for _, a := range p.in.Args[:p.in.NArgs] {
		if a.Kind == x86.XMM {
			p.block(p.kind, c.FX[fxXMM+16*int(a.Reg):][:16])
		}
	}
	if p.one(8) { // equal operands
		copy(c.FX[fxXMM+16*p.IntN(16):][:16], c.FX[fxXMM+16*p.IntN(16):])
	}
	mx := uint32(p.IntN(4))<<13 | uint32(p.IntN(64))&-uint32(p.IntN(2))
	if !p.aims(cpu.XM) {
		mx |= choose[uint32](p.rng, 0x1f80, 0x1f80, 0x1f80, uint32(p.IntN(64))<<7)
	}
	mx |= choose[uint32](p.rng, 0, 0, 0, 0, 0x8000, 0x40, 0x8040)
	c.put32(fxMXCSR, mx)
}

// x87 fills the x87 unit: any top, mostly full and masked.
func (p *plan) x87() {
	c := &p.c
	cw := uint16(p.IntN(4))<<10 | choose[uint16](p.rng, 3, 3, 3, 2, 0, 1)<<8 | uint16(p.IntN(2))<<12 | 0x40
	cw |= choose[uint16](p.rng, 0x3f, 0x3f, 0x3f, uint16(p.IntN(64)))
	sw := uint16(p.Uint64()) & 0x7f00
	if p.one(2) {
		sw |= uint16(p.IntN(128)) & (cw | 0x40)
	}
	if p.one(32) {
		sw |= uint16(p.IntN(64))
	}
	if p.aims(cpu.MF) {
		cw &^= 0x3f
		sw |= 1 << p.IntN(6)
	}
	if sw&^cw&0x3f != 0 {
		sw |= 0x8080
		c.put16(fxFOP, uint16(p.Uint64())&0x7ff)
		c.put64(fxFIP, p.Uint64()>>17)
		c.put64(fxFDP, p.Uint64()>>17)
	}
	c.put16(fxFCW, cw)
	c.put16(fxFSW, sw)
	c.FX[fxTags] = choose[byte](p.rng, 0xff, 0xff, 0xff, 0, byte(p.Uint64()), byte(p.Uint64()))
	p.draw(kindF80, c.FX[fxST:fxXMM])
	if p.form.Attr&(x86.AttrX87|x86.AttrMmx) == 0 {
		return
	}
	for i := range 8 {
		mant, se := p.f80()
		if p.form.Attr&x86.AttrMmx != 0 {
			mant, se = p.lanes(), 0xffff
		}
		c.put64(fxST+16*i, mant)
		c.put16(fxST+16*i+8, se)
	}
	if p.one(4) { // two equal but for sign and the last bits
		i, j := fxST+16*p.IntN(2), fxST+16*p.IntN(8)
		c.put64(j, c.u64(i)^p.Uint64N(3))
		c.put16(j+8, c.u16(i+8)^uint16(p.IntN(2))<<15)
	}
}

// memory sets the base register so that the operand is at its place, and puts
// data of the right kind there.
func (p *plan) memory() {
	c, m := &p.c, &p.in.Mem
	isMem := false
	for i, a := range p.in.Args[:p.in.NArgs] {
		isMem = isMem || a.Kind == x86.Mem && p.form.Ops[i].Loc != x86.LocMoffs
	}
	p.fill(p.place)
	if p.in.Sem == x86.SemBt || p.in.Sem == x86.SemBts || p.in.Sem == x86.SemBtr || p.in.Sem == x86.SemBtc {
		if a := p.in.Args[1]; a.Kind == x86.Reg && !p.one(8) {
			c.R[a.Reg] = c.R[a.Reg]&^0xffffffff | uint64(uint32(p.IntN(2000)-1000))
			if p.in.OpSize == 8 {
				c.R[a.Reg] = uint64(int32(c.R[a.Reg]))
			}
		}
	}
	if !isMem || m.RIPRel {
		return
	}
	at := p.off(m.Seg, p.place) - uint64(m.Disp)
	switch {
	case m.Base != x86.NoReg:
		if m.Index != x86.NoReg {
			at -= c.R[m.Index] << m.Scale
		}
		c.R[m.Base] = p.wide(at)
	case m.Index != x86.NoReg:
		c.R[m.Index] = p.wide(uint64(p.IntN(8)))
	}
}

// wide is a register used as an address: the bits above the address size are
// anything.
func (p *plan) wide(a uint64) uint64 {
	switch p.in.AddrSize {
	case 2:
		return a&0xffff | p.Uint64()<<16
	case 4:
		return a&0xffffffff | p.Uint64()<<32
	}
	return a
}

// pointTo makes a register point to a linear address in a segment.
func (p *plan) pointTo(r, seg uint8, la uint64) { p.set(r, p.wide(p.off(seg, la))) }

// stackPointer is a stack pointer for a linear address: in a 16-bit stack its
// upper half is anything.
func (p *plan) stackPointer(la uint64) uint64 {
	sp := p.off(x86.SS, la)
	if p.unit.Mode != x86.Mode64 && segment(p.c.Sel[x86.SS]).Attr&cpu.AttrD == 0 {
		sp = sp&0xffff | p.Uint64()<<16
	}
	return sp
}

// fill puts data at an address in a window.
func (p *plan) fill(la uint64) {
	var b [32]byte
	p.block(p.kind, b[:16])
	p.block(p.kind, b[16:])
	p.c.putWin(la, b[:])
	if p.in.Sem == x86.SemFxrstor && !p.one(8) {
		q := *p
		q.x87()
		q.c.put32(fxMXCSR, uint32(p.IntN(0x10000)))
		q.c.put32(fxMXCSR+4, 0)
		q.c.put64(fxFIP, p.Uint64()>>17)
		q.c.put64(fxFDP, p.Uint64()>>17)
		p.c.putWin(la, q.c.FX[:])
	}
	if p.in.Sem == x86.SemXrstor {
		p.c.putWin(la, p.xsaveArea())
	}
	if p.in.Sem == x86.SemLdmxcsr && !p.one(8) {
		p.c.putWin(la, binary.LittleEndian.AppendUint32(nil, uint32(p.IntN(0x10000))))
	}
}

// set writes a register, unless it is part of the memory operand's address.
func (p *plan) set(r uint8, v uint64) {
	if r != p.in.Mem.Base && r != p.in.Mem.Index {
		p.c.R[r] = v
	}
}

// implied sets the registers that an instruction uses without naming them.
func (p *plan) implied() {
	c := &p.c
	if p.set(x86.RSP, p.stackPointer(p.address(8, choose[uint64](p.rng, 8, 8, 1)))); p.aims(cpu.GP) { // of something else
		p.set(x86.RSP, p.stackPointer(middle))
	}
	switch p.in.Sem {
	case x86.SemMovs, x86.SemCmps, x86.SemStos, x86.SemLods, x86.SemScas:
		p.strings()
	case x86.SemIns, x86.SemOuts:
		p.strings()
	case x86.SemXlat:
		p.pointTo(x86.RBX, p.in.Mem.Seg, p.address(1, 1)-c.R[x86.RAX]&0xff)
	case x86.SemMaskmov:
		p.pointTo(x86.RDI, p.in.Mem.Seg, p.address(16, 1))
	case x86.SemEnter:
		p.set(x86.RBP, p.stackPointer(p.address(8, 1)))
		p.set(x86.RSP, p.stackPointer(middle+p.Uint64N(128)))
		if p.one(8) {
			p.set(x86.RSP, choose[uint64](p.rng, border+8, fixedAt+0x100, 1<<47))
		}
		if p.aimed {
			p.set(x86.RSP, p.stackPointer(p.address(8, 8)))
		}
	case x86.SemLeave:
		p.set(x86.RBP, p.stackPointer(p.address(8, 1)))
	case x86.SemPusha, x86.SemPopa, x86.SemIret, x86.SemRetfar:
		p.set(x86.RSP, p.stackPointer(p.address(32, 4)))
	case x86.SemDiv, x86.SemIdiv:
		p.dividend()
	case x86.SemCmpxchg, x86.SemCmpxchg8b, x86.SemCmpxchg16b:
		p.expected()
	case x86.SemLoop, x86.SemLoope, x86.SemLoopne, x86.SemJcxz:
		p.set(x86.RCX, choose(p.rng, 0, 1, 2, 1<<32, 1<<32|1, p.Uint64()))
	}
	if oneOf(p.in.Sem, xsaves) || p.in.Sem == x86.SemXgetbv {
		p.components()
	}
	if p.in.Sem == x86.SemSyscall {
		p.noCall()
	}
	if p.kind == kindText {
		for _, r := range []uint8{x86.RAX, x86.RDX} {
			p.set(r, choose(p.rng, uint64(p.IntN(40))-20, uint64(p.IntN(17)), p.Uint64()))
		}
	}
}

// strings points rSI and rDI somewhere, often near each other, and makes the
// count small.
func (p *plan) strings() {
	c := &p.c
	n := uint64(p.in.OpSize)
	si := p.address(n, 1)
	di := p.address(n, 1)
	if p.aims(cpu.SS) {
		di = middle
	} else if p.one(4) {
		di = si + uint64(p.IntN(33)) - 16
	}
	c.R[x86.RSI], c.R[x86.RDI] = p.wide(p.off(p.in.Mem.Seg, si)), p.wide(p.off(x86.ES, di))
	c.R[x86.RCX] = p.wide(uint64(p.IntN(choose(p.rng, 3, 12, 24))))
	if p.aimed {
		c.R[x86.RCX] = p.wide(1)
	}
	if p.one(2) { // something to compare equal
		var b [64]byte
		p.c.putWin(si, b[:p.IntN(64)])
		p.c.putWin(di, b[:p.IntN(64)])
		c.R[x86.RAX] &= -p.Uint64N(2)
	}
}

// dividend makes rDX:rAX a number of any length, so that many quotients fit.
func (p *plan) dividend() {
	if p.one(4) {
		return
	}
	n := 8 * uint(p.in.OpSize)
	v := int64(p.Uint64()) >> p.UintN(64)
	if p.one(2) {
		v = int64(p.Uint64() >> p.UintN(64))
	}
	switch {
	case n == 8:
		p.set(x86.RAX, p.c.R[x86.RAX]&^0xffff|uint64(uint16(v)))
	case n == 64 && p.one(2):
		p.set(x86.RDX, uint64(v))
	case n == 64:
		p.set(x86.RAX, uint64(v))
		p.set(x86.RDX, uint64(v>>63))
	default:
		p.set(x86.RAX, uint64(v))
		p.set(x86.RDX, uint64(v>>n))
	}
}

// expected makes CMPXCHG's comparison succeed half the time.
func (p *plan) expected() {
	w := window(p.place)
	switch {
	case p.one(2):
	case p.in.Args[0].Kind == x86.Reg:
		p.set(x86.RAX, p.c.R[p.in.Args[0].Reg])
	case w < 0 || w+16 > windowBytes:
	default:
		b := p.c.Win[w:]
		p.set(x86.RAX, binary.LittleEndian.Uint64(b))
		p.set(x86.RDX, binary.LittleEndian.Uint64(b[8:]))
		if p.in.Sem == x86.SemCmpxchg8b {
			p.set(x86.RDX, binary.LittleEndian.Uint64(b[4:]))
		}
		if p.one(3) { // one half only
			p.set(choose[uint8](p.rng, x86.RAX, x86.RDX), p.value())
		}
	}
}

// flags chooses RFLAGS. Branches are stepped over with TF, since an INT3 behind
// them would not end them; others now and then.
func (p *plan) flags() {
	f := uint64(cpu.FlagIF | 2)
	f |= p.Uint64() & cpu.FlagsArith
	if p.one(4) {
		f |= cpu.FlagDF
	}
	if (p.one(24) || p.aims(cpu.AC)) && p.in.Sem != x86.SemMaskmov { // whose alignment depends on the mask
		f |= cpu.FlagAC
	}
	if p.one(32) {
		f |= p.Uint64() & (flagNT | flagID)
	}
	if branches(p.in.Sem) || p.one(8) && p.in.Sem != x86.SemSyscall { // after which the host's kernel steps one further
		f |= cpu.FlagTF
	}
	p.c.Flags = f
}

func branches(s x86.Sem) bool {
	switch s {
	case x86.SemJcc, x86.SemJmp, x86.SemCall, x86.SemRet, x86.SemLoop, x86.SemLoope, x86.SemLoopne, x86.SemJcxz,
		x86.SemJmpfar, x86.SemCallfar, x86.SemRetfar, x86.SemIret:
		return true
	}
	return false
}
