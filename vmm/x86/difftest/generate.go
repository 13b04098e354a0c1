package difftest

import (
	"encoding/binary"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A plan is what is decided about a case before its bytes are made.
type plan struct {
	rng
	row   uint16
	form  *x86.Form
	kind  kind
	bytes int    // of the memory operand, roughly
	slot  uint64 // where the code may begin
	place uint64 // address of the memory operand
	want  x86.Want
	in    x86.Inst
	c     Case
}

// Generate makes case seq of a row, for a slot; false if the row has no
// encoding in 64-bit mode that fits. The same seed gives the same case in the
// same slot.
func Generate(seed uint64, row uint16, seq, slot int) (Case, bool) {
	p := plan{rng: newRNG(seed, uint64(row), uint64(seq)), row: row, form: &x86.Table[row]}
	p.slot = slotAt + uint64(slot)*slotBytes
	p.c.Seq = seq
	p.kind = kindOf(p.form)
	p.wish()
	if !p.encode() {
		return Case{}, false
	}
	p.state()
	p.memory()
	p.implied()
	p.flags()
	return p.c, true
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
	w.Mode, w.Rand = x86.Mode64, p.IntN
	if sizes := f.Sizes(x86.Mode64); f.Sem != x86.SemUd && len(sizes) > 0 {
		w.OpSize = choose(p.rng, sizes...)
	}
	w.Mem = p.one(2)
	p.bytes = p.operandBytes(w.OpSize)
	align := uint64(1)
	if f.Attr&x86.AttrA16 != 0 || strings.HasPrefix(f.Text, "FX") {
		align = 16
	}
	p.place = p.address(uint64(p.bytes), align)
	w.Base, w.Index, w.Scale = uint8(p.IntN(16)), x86.NoReg, uint8(p.IntN(4))
	w.Disp = int32(choose(p.rng, 0, int64(p.IntN(256))-128, int64(int32(p.Uint64()))))
	if p.one(3) {
		if w.Index = uint8(p.IntN(16)); w.Index == x86.RSP || w.Index == w.Base {
			w.Index = x86.NoReg
		}
	}
	switch {
	case p.one(8): // RIP-relative; the code is placed to fit
		w.Base, w.Index = x86.NoReg, x86.NoReg
		w.Disp = int32(p.place - p.slot - relSlack)
	case p.one(16) && w.Index != x86.NoReg, f.Ops[0].Loc == x86.LocMoffs, f.Ops[1].Loc == x86.LocMoffs:
		w.Base, w.Disp = x86.NoReg, int32(p.place)
	}
	w.Rel = int32(choose(p.rng, int64(p.IntN(256))-128, int64(int32(p.Uint64())), -0x40))
}

// relSlack is where the instruction after one with a RIP-relative operand
// begins, from the start of the slot.
const relSlack = 24

// operandBytes is the size of the row's memory operand.
func (p *plan) operandBytes(opSize uint8) int {
	n := 0
	for _, o := range p.form.Ops[:p.form.NOps] {
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
	switch p.form.Sem {
	case x86.SemFxsave, x86.SemFxrstor:
		return 512
	case x86.SemFldenv, x86.SemFnstenv:
		return 28
	case x86.SemFrstor, x86.SemFnsave:
		return 108
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

// encode makes the bytes, with prefixes that keep it the same row.
func (p *plan) encode() bool {
	code, ok := p.form.Encode(p.want)
	if !ok && p.form.Sem == x86.SemUd {
		p.want.Mem = !p.want.Mem
		code, ok = p.form.Encode(p.want)
	}
	if !ok {
		return false
	}
	if extra := p.prefixes(); len(extra) > 0 && len(extra)+len(code) <= x86.MaxLen {
		more := append(extra, code...)
		if in, err := x86.Decode(more, x86.Mode64); err == nil && in.Row == p.row && int(in.Len) == len(more) {
			code = more
		}
	}
	in, err := x86.Decode(code, x86.Mode64)
	if err != nil || in.Row != p.row {
		return false
	}
	if in.Sem == x86.SemEnter && !p.one(8) { // small frames
		binary.LittleEndian.PutUint16(code[len(code)-3:], uint16(p.IntN(64)))
		in, _ = x86.Decode(code, x86.Mode64)
	}
	p.in, p.c.Inst, p.c.Code = in, in, code
	p.c.RIP = p.slot + p.Uint64N(4)
	switch {
	case in.Mem.RIPRel:
		p.c.RIP = p.slot + relSlack - uint64(in.Len)
	case p.slot == slotAt+(slots-1)*slotBytes && in.Sem != x86.SemUd:
		p.c.RIP = codeAt + codeBytes - 1 - p.Uint64N(uint64(in.Len)) // the rest cannot be fetched
	}
	return true
}

// prefixes chooses legacy prefixes to put in front. F2 and F3 go before
// one-byte opcodes only: elsewhere they may make an instruction that this
// processor has and ours does not.
func (p *plan) prefixes() (b []byte) {
	f := p.form
	if f.Attr&x86.AttrLock != 0 && p.one(4) || p.one(64) {
		b = append(b, 0xf0)
	}
	if p.one(8) {
		b = append(b, choose[byte](p.rng, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65))
	}
	if p.one(8) {
		b = append(b, 0x67)
	}
	repeats := f.Attr&(x86.AttrRep|x86.AttrRepc) != 0
	if repeats && p.one(2) || f.Enc.Map == 0 && f.Enc.Prefix&3 == 3 && p.one(32) {
		b = append(b, choose[byte](p.rng, 0xf2, 0xf3))
	}
	return b
}

// state fills registers and windows.
func (p *plan) state() {
	c := &p.c
	for i := range c.R {
		c.R[i] = p.value()
	}
	for i := 0; i < windowBytes; i += 16 {
		if p.one(4) {
			p.block(p.kind, c.Win[i:i+16])
			continue
		}
		binary.LittleEndian.PutUint64(c.Win[i:], p.value())
		binary.LittleEndian.PutUint64(c.Win[i+8:], p.value())
	}
	p.x87()
	for i := range 16 {
		p.block(p.kind, c.FX[fxXMM+16*i:][:16])
	}
	if p.one(8) { // equal operands
		copy(c.FX[fxXMM+16*p.IntN(16):][:16], c.FX[fxXMM+16*p.IntN(16):])
	}
	mx := uint32(p.IntN(4))<<13 | uint32(p.IntN(64))&-uint32(p.IntN(2))
	mx |= choose[uint32](p.rng, 0x1f80, 0x1f80, 0x1f80, uint32(p.IntN(64))<<7)
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
	if sw&^cw&0x3f != 0 {
		sw |= 0x8080
		c.put16(fxFOP, uint16(p.Uint64())&0x7ff)
		c.put64(fxFIP, p.Uint64()>>17)
		c.put64(fxFDP, p.Uint64()>>17)
	}
	c.put16(fxFCW, cw)
	c.put16(fxFSW, sw)
	c.FX[fxTags] = choose[byte](p.rng, 0xff, 0xff, 0xff, 0, byte(p.Uint64()), byte(p.Uint64()))
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
	at := p.place - uint64(m.Disp)
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

// wide is a register used as an address: with 32-bit addresses the upper half
// is anything.
func (p *plan) wide(a uint64) uint64 {
	if p.in.AddrSize == 4 {
		return a&0xffffffff | p.Uint64()<<32
	}
	return a
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
	p.set(x86.RSP, p.address(8, choose[uint64](p.rng, 8, 8, 1)))
	switch p.in.Sem {
	case x86.SemMovs, x86.SemCmps, x86.SemStos, x86.SemLods, x86.SemScas:
		p.strings()
	case x86.SemXlat:
		p.set(x86.RBX, p.wide(p.address(1, 1)-c.R[x86.RAX]&0xff))
	case x86.SemMaskmov:
		p.set(x86.RDI, p.wide(p.address(16, 1)))
	case x86.SemEnter:
		p.set(x86.RBP, p.address(8, 1))
		p.set(x86.RSP, middle+p.Uint64N(128))
		if p.one(8) {
			p.set(x86.RSP, choose[uint64](p.rng, border+8, fixedAt+0x100, 1<<47))
		}
	case x86.SemLeave:
		p.set(x86.RBP, p.address(8, 1))
	case x86.SemDiv, x86.SemIdiv:
		p.dividend()
	case x86.SemCmpxchg, x86.SemCmpxchg8b, x86.SemCmpxchg16b:
		p.expected()
	case x86.SemLoop, x86.SemLoope, x86.SemLoopne, x86.SemJcxz:
		p.set(x86.RCX, choose(p.rng, 0, 1, 2, 1<<32, 1<<32|1, p.Uint64()))
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
	if p.one(4) {
		di = si + uint64(p.IntN(33)) - 16
	}
	c.R[x86.RSI], c.R[x86.RDI] = p.wide(si), p.wide(di)
	c.R[x86.RCX] = p.wide(uint64(p.IntN(choose(p.rng, 3, 12, 24))))
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
	if p.one(24) && p.in.Sem != x86.SemMaskmov { // whose alignment depends on the mask
		f |= cpu.FlagAC
	}
	if p.one(32) {
		f |= p.Uint64() & (flagNT | flagID)
	}
	if branches(p.in.Sem) || p.one(8) {
		f |= cpu.FlagTF
	}
	p.c.Flags = f
}

func branches(s x86.Sem) bool {
	switch s {
	case x86.SemJcc, x86.SemJmp, x86.SemCall, x86.SemRet, x86.SemLoop, x86.SemLoope, x86.SemLoopne, x86.SemJcxz:
		return true
	}
	return false
}
