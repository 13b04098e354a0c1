package lockstep

import (
	"encoding/binary"
	"sync"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A Case is a program with all around it, and how it is to be run.
type Case struct {
	Name   string
	Theme  int // the unit that it is about, in Units, or -1
	mode   x86.Mode
	ram    []byte
	state  cpu.State
	tick   [3]uint64 // the timer: seed, least distance, further
	start  uint64
	code   int // bytes of the program
	steps  uint64
	seed   uint64 // of instants, slices and difficulties
	rates  rates
	shaken bool
}

// units are the instruction forms that programs are made of.
var units = sync.OnceValue(allUnits)

// Units is the number of instruction forms by operand size.
func Units() int {
	n := 0
	for _, s := range units() {
		for _, l := range s {
			n += len(l)
		}
	}
	return n
}

func unitAt(n int) unit {
	for _, s := range units() {
		for _, l := range s {
			if n < len(l) {
				return l[n]
			}
			n -= len(l)
		}
	}
	panic("lockstep: no such unit")
}

// UnitForm is a unit's row of the instruction table.
func UnitForm(n int) *x86.Form { return unitAt(n).form() }

// UnitName names a unit for a report.
func UnitName(n int) (string, uint8) { u := unitAt(n); return u.form().Text, u.size }

// A gen is a program being made.
type gen struct {
	rng
	world   world
	ring    int
	gated   bool   // about SYSCALL and SYSRET too
	own     uint64 // where its own supervisor is, or 0
	start   uint64
	buf     []byte
	theme   unit
	counter uint8
	base    uint8  // the register that was pointed somewhere last
	target  uint64 // where
	holes   []hole
	calls   []hole   // that lead to subroutines
	slots   []uint64 // addresses of bytes that may be changed
	pcid    uint64   // 1 if CR4.PCIDE is set
}

// A hole is to lead to what begins after so many more items.
type hole struct {
	at, size int
	after    int
	fixed    bool   // the address itself, not how far it is
	bias     uint64 // what is added to it
}

// CaseAt makes case number seq of a seed. Cases are about the forms in turn;
// one in four of a form is of Faults, if it can be; one in 16 of all is of Returns.
func CaseAt(seed, seq uint64) *Case {
	n, round := int(seq%uint64(Units())), seq/uint64(Units())
	if seq%16 == 15 {
		c := Returns(seed, int(seq/16%uint64(len(spoilers))))
		c.shake()
		return c
	}
	if round%4 == 3 {
		if c, ok := Faults(seed+round, n); ok {
			c.shake()
			return c
		}
	}
	c := Generate(seed+round<<32, n)
	c.shake()
	return c
}

// Generate makes a program about a unit.
func Generate(seed uint64, n int) *Case {
	r := newRNG(seed, uint64(n))
	g := &gen{rng: r, theme: unitAt(n), base: x86.NoReg}
	g.ring, g.world = choose(r, 0, 3), g.theme.world(r)
	if g.pcid = r.Uint64N(2); g.world == legacy {
		g.pcid = 0
	}
	if g.gated = r.IntN(8) == 0 && !g.narrow(); g.gated {
		g.ring = 3
	}
	g.start = codeAt + pageBytes - uint64(r.IntN(choose(r, 0x100, 0x600))) // mostly across two pages
	g.program()
	return g.finish(n)
}

func (g *gen) here() uint64 { return g.start + uint64(len(g.buf)) }
func (g *gen) b(b ...byte)  { g.buf = append(g.buf, b...) }
func (g *gen) d(v uint64)   { g.buf = binary.LittleEndian.AppendUint32(g.buf, uint32(v)) }
func (g *gen) q(v uint64)   { g.buf = binary.LittleEndian.AppendUint64(g.buf, v) }

// program makes loops, what they call, and a way back to the start.
func (g *gen) program() {
	for n := 1 + g.IntN(3); n > 0; n-- {
		g.loop()
	}
	g.flush()
	g.b(0xe9)
	g.d(g.start - g.here() - 4)
	for n := 1 + g.IntN(2); n > 0; n-- {
		sub := len(g.buf)
		for i := range g.calls {
			if g.one(2) || n == 1 {
				g.fill(g.calls[i], sub)
			}
		}
		for n := g.IntN(8); n > 0; n-- {
			g.item()
		}
		g.flush()
		g.b(0xc3)
	}
	if g.gated {
		g.own = g.here()
		g.b(0x75, 3, 0x0f, 0x01, 0xcb) // JNE; STAC
		for n := g.IntN(3); n > 0; n-- {
			g.touch()
		}
		g.b(0x48, 0x0f, 0x07) // SYSRET
	}
}

// fill makes a hole lead to offset to, if it reaches.
func (g *gen) fill(h hole, to int) {
	d, b := to-h.at-h.size, g.buf[h.at:]
	switch v := g.start + uint64(to) + h.bias; {
	case h.fixed && h.size == 8:
		binary.LittleEndian.PutUint64(b, v)
	case h.fixed:
		binary.LittleEndian.PutUint32(b, uint32(v))
	case h.size == 4:
		binary.LittleEndian.PutUint32(b, uint32(d)+uint32(h.bias))
	case d == int(int8(d)):
		b[0] = byte(d)
	}
}

// flush lets all holes lead here.
func (g *gen) flush() {
	for i := range g.holes {
		g.holes[i].after = 0
	}
	g.settle()
}

// settle fills the holes that lead here.
func (g *gen) settle() {
	kept := g.holes[:0]
	for _, h := range g.holes {
		if h.after > 0 {
			h.after--
			kept = append(kept, h)
			continue
		}
		g.fill(h, len(g.buf))
	}
	g.holes = kept
}

// loop is a body of items between a counter and a jump back.
func (g *gen) loop() {
	g.counter = g.among(x86.RBP, x86.R8, x86.R9, x86.R12, x86.R13, x86.R14, x86.R15, x86.RCX)
	g.load(g.counter, uint64(50+g.IntN(100)), false)
	if g.one(2) {
		g.stack()
	}
	top := g.here()
	for n := 3 + g.IntN(25); n > 0 && len(g.buf) < 0x1400; n-- {
		g.item()
	}
	g.flush()
	rex, c := 0x40|g.counter>>3, g.counter&7
	switch {
	case g.counter == x86.RCX && g.here()-top < 100 && g.one(2):
		g.b(0xe2, byte(top-g.here()-2)) // LOOP
		return
	case g.one(2) && g.narrow():
		g.b(0x48 | c) // DEC r32
	case g.one(2):
		g.rex(rex, 0xff, 0xc8|c) // DEC r32
	case g.one(2):
		g.rex(rex|8, 0x83, 0xe8|c, 1) // SUB r64, 1
	default:
		g.rex(rex|8, 0x83, 0xc0|c, 0xff) // ADD r64, -1
	}
	if d := int64(top - g.here() - 2); d == int64(int8(d)) && g.one(2) {
		g.b(0x75, byte(d))
		return
	}
	g.b(0x0f, 0x85)
	g.d(top - g.here() - 4)
}

// stack points RSP somewhere on the stack, now and then at its edges.
func (g *gen) stack() {
	v := uint64(stackAt + 0x400 + 8*g.IntN(0x340))
	if g.one(4) {
		v = choose(g.rng, uint64(stackTop), stackAt, stackAt+pageBytes, stackAt+16) + uint64(g.IntN(5)-2)*4
	}
	g.load(x86.RSP, v, true)
}

// load puts a number into a register.
func (g *gen) load(r uint8, v uint64, short bool) {
	if short || v>>32 == 0 || g.narrow() {
		g.rex(0x40|r>>3, 0xb8|r&7)
		g.d(v)
		return
	}
	g.b(0x48|r>>3, 0xb8|r&7)
	g.q(v)
}

// pick is a register that a program may change.
func (g *gen) reg() uint8 {
	for {
		if r := uint8(g.IntN(g.registers())); r != x86.RSP && r != g.counter {
			return r
		}
	}
}

// place is an address for n bytes of data.
func (g *gen) place(n, align uint64) uint64 {
	a := dataAt + g.Uint64N(2*pageBytes-n)
	switch g.IntN(40) {
	case 0, 1, 2:
		a = dataAt + pageBytes - g.Uint64N(n+1)
	case 3, 4:
		a = readOnly + g.Uint64N(pageBytes-n)
	case 5:
		a = choose(g.rng, uint64(readOnly), absent, kernel, userPage, devices, moreAt) - g.Uint64N(n+1)
	case 6:
		a = absent + g.Uint64N(pageBytes-n)
	case 7:
		a = kernel + g.Uint64N(pageBytes-n)
	case 8, 9:
		a = userPage + g.Uint64N(pageBytes-n)
	case 10:
		a = devices + g.Uint64N(pageBytes-n)
	case 11, 12, 13:
		a = moreAt + g.Uint64N(pageBytes-n)
	case 14:
		a = stackAt + g.Uint64N(2*pageBytes-n)
	case 15, 16, 17:
		a = mappedAt + g.Uint64N(8*pageBytes-n)
	case 18:
		a = choose[uint64](g.rng, codeAt, aliasAt, windowAt) + 0x2c00 + g.Uint64N(0x1400-n) // data beside code
	case 19:
		if len(g.slots) > 0 && g.one(4) {
			a = g.slots[g.IntN(len(g.slots))] + choose[uint64](g.rng, 0, aliasAt-codeAt, windowAt-codeAt)
		}
	}
	if align > 1 && !g.one(16) || g.one(2) {
		for k := uint64(1); k < n && k < 16; k *= 2 {
			align = max(align, 2*k)
		}
		a &^= align - 1
	}
	switch g.IntN(24) {
	case 0, 1, 2:
		a += g.high()
	case 4, 5:
		if a < mappedAt {
			a += againAt
		}
	case 3:
		if g.narrow() {
			return 1<<32 - g.Uint64N(n+1)
		}
		a = choose(g.rng, a|1<<50, 1<<47-g.Uint64N(n+1), ^uint64(0)-g.Uint64N(n), 0xffff_8000_0000_0000-g.Uint64N(n))
	}
	return a
}

// item is one or a few instructions.
func (g *gen) item() {
	u := g.units()
	switch n := g.IntN(100); {
	case -g.here()%pageBytes < 16 && n < 70:
		g.straddle()
	case g.gated && n < 30:
		g.gate()
	case n < 12:
		g.instruction(g.theme)
	case n < 52:
		g.instruction(u[0][g.IntN(len(u[0]))])
	case n < 66:
		g.instruction(u[1][g.IntN(len(u[1]))])
	case n < 70:
		g.instruction(u[2][g.IntN(len(u[2]))])
	default:
		g.special()
	}
	g.settle()
}

// instruction appends one instruction of a unit, after what makes it useful.
func (g *gen) instruction(u unit) {
	f := u.form()
	if branches(f.Sem) {
		g.jump()
		return
	}
	w := x86.Want{Mode: g.mode(), OpSize: u.size, Mem: g.one(2), Rand: g.IntN, Avoid: 1<<x86.RSP | 1<<g.counter,
		Base: x86.NoReg, Index: x86.NoReg, Scale: uint8(g.IntN(4))}
	if f.Attr&(x86.AttrRep|x86.AttrRepc) != 0 {
		g.strings()
	}
	if (f.Sem == x86.SemDiv || f.Sem == x86.SemIdiv) && !g.one(3) {
		if g.one(2) {
			g.b(0x31, 0xd2) // XOR EDX, EDX
		} else {
			g.rex(0x48, 0x99) // CQO
		}
	}
	code, ok := g.encode(f, &w)
	if !ok {
		return
	}
	g.buf = append(g.buf, code...)
}

// encode makes the instruction's bytes. Memory operands are relative to RIP,
// absolute, or at a register, which is pointed somewhere first, mostly.
func (g *gen) encode(f *x86.Form, w *x86.Want) ([]byte, bool) {
	n, align := uint64(16), uint64(1)
	if f.Attr&x86.AttrA16 != 0 {
		align = 16
	}
	if f.Size <= 16 && f.Size > 0 {
		n = uint64(f.Size)
	}
	relative := g.one(5)
	target := g.place(n, align)
	if !relative {
		w.Base = uint8(g.IntN(g.registers()))
		if g.base != x86.NoReg && !g.one(3) {
			w.Base = g.base
		}
		if g.one(3) {
			w.Disp = int32(g.IntN(256) - 128)
		}
		if g.one(5) {
			if w.Index = uint8(g.IntN(g.registers())); w.Index == x86.RSP || w.Index == w.Base {
				w.Index = x86.NoReg
			}
		}
	}
	if f.Enc.Imm[0] == x86.ImmMO || relative && g.narrow() {
		w.Disp = int32(target)
	}
	code, ok := f.Encode(*w)
	if !ok {
		return nil, false
	}
	code = g.prefixed(f, code)
	in, err := x86.Decode(code, g.mode())
	if err != nil || &x86.Table[in.Row] != f || int(in.Len) != len(code) {
		return nil, false
	}
	if !usesMemory(&in) {
		return code, true
	}
	if relative && !g.narrow() {
		return g.relative(code, &in, target), true
	}
	if w.Base < x86.NoReg && w.Base != x86.RSP && (w.Base != g.base || g.one(3)) {
		g.point(w, target, in.AddrSize)
	}
	return code, true
}

// point makes the operand's base lead to target.
func (g *gen) point(w *x86.Want, target uint64, addrSize uint8) {
	if w.Index != x86.NoReg {
		i := uint64(g.IntN(8))
		g.load(w.Index, i, true)
		target -= i << w.Scale
	}
	if addrSize == 4 {
		target &= 0xffffffff
	}
	g.load(w.Base, target-uint64(int64(w.Disp)), addrSize == 4)
	g.base = w.Base
	if w.Base == g.counter {
		g.base = x86.NoReg
	}
}

// relative makes the displacement of a RIP-relative operand lead to target.
func (g *gen) relative(code []byte, in *x86.Inst, target uint64) []byte {
	for i := len(code) - 4; i > 0; i-- {
		if binary.LittleEndian.Uint32(code[i:]) != 0 || code[i-1]&0xc7 != 5 {
			continue
		}
		binary.LittleEndian.PutUint32(code[i:], uint32(target-g.here()-uint64(len(code))))
		if x, err := x86.Decode(code, x86.Mode64); err == nil && x.Mem.RIPRel && x.Row == in.Row && x.Mem.Disp != 0 {
			return code
		}
		binary.LittleEndian.PutUint32(code[i:], 0)
	}
	return code
}

func usesMemory(in *x86.Inst) bool {
	for _, a := range in.Args[:in.NArgs] {
		if a.Kind == x86.Mem {
			return true
		}
	}
	return false
}

// prefixed puts prefixes in front: a segment, LOCK, a repeat, the address size.
func (g *gen) prefixed(f *x86.Form, code []byte) []byte {
	p := []byte(nil)
	if g.one(12) {
		p = append(p, choose[byte](g.rng, 0x64, 0x65))
	}
	if g.narrow() && g.one(12) {
		p = append(p, choose[byte](g.rng, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65))
	}
	if g.one(16) {
		p = append(p, 0x67)
	}
	if f.Attr&x86.AttrLock != 0 && g.one(6) {
		p = append(p, 0xf0)
	}
	if f.Attr&(x86.AttrRep|x86.AttrRepc) != 0 && g.one(2) {
		p = append(p, choose[byte](g.rng, 0xf2, 0xf3))
	}
	return append(p, code...)
}

// strings prepares a string instruction.
func (g *gen) strings() {
	g.load(x86.RCX, uint64(g.IntN(40)), true)
	g.load(x86.RSI, g.place(64, 1), false)
	g.load(x86.RDI, g.place(64, 1), false)
	if g.one(3) {
		g.b(choose[byte](g.rng, 0xfc, 0xfd)) // CLD, STD
	}
}

// finish makes a case of the program.
func (g *gen) finish(theme int) *Case {
	rights := uint64(present | canWr | anyRing)
	if g.ring == 0 && g.one(3) {
		rights &^= anyRing
	}
	rip := g.start + choose(g.rng, 0, 0, g.high(), windowAt-codeAt, windowAt-codeAt)
	m := newImage(g.world, g.ring, rip, rights)
	c := &Case{Theme: theme, mode: g.mode(), ram: m.ram, start: g.start, code: len(g.buf), state: *m.state(g.world, g.ring, rip), seed: g.Uint64()}
	g.lanes(m.ram[physData:][:dataPages*pageBytes])
	g.lanes(m.ram[physStack:][:stackPages*pageBytes])
	for i := range entries + 2*pageBytes { // INT3
		m.ram[physCode+i] = 0xcc
	}
	copy(m.ram[physCode+g.start-codeAt:], g.buf)
	c.next()
	c.twin()
	s := &c.state
	for i := range s.R {
		if i != x86.RSP {
			s.R[i] = g.value()
		}
	}
	for i := range s.XMM {
		var b [16]byte
		g.lanes(b[:])
		s.XMM[i] = [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
	}
	s.RFLAGS |= g.Uint64() & cpu.FlagsArith
	if g.one(3) {
		s.RFLAGS |= cpu.FlagIOPL
	}
	s.MXCSR = 0x1f80 | uint32(g.IntN(4))<<13 | choose[uint32](g.rng, 0, 0, 0x8000, 0x40, 0x8040)
	if g.one(10) {
		s.MXCSR &^= 1 << (7 + g.IntN(6))
	}
	s.Seg[x86.FS].Base, s.Seg[x86.GS].Base = choose(g.rng, 0, 0x10, g.high(), 0xffff), choose(g.rng, 0, 0x1000, g.high())
	s.KernelGSBase = choose[uint64](g.rng, 0x40, high)
	s.CR4 |= g.pcid * cpu.CR4PCIDE
	if g.ring == 0 && g.one(3) && (g.world != legacy || rights&anyRing == 0) { // there it could take no interrupt
		s.CR4 |= cpu.CR4SMAP
	}
	g.gates(c)
	g.narrowed(s)
	c.tick = [3]uint64{g.Uint64() | 1, uint64(40 + g.IntN(2000)), choose[uint64](g.rng, 0, 100, 3000, 3000)}
	c.steps = uint64(3000 + g.IntN(12000))
	return c
}

// gates sets what SYSCALL and SYSRET do, mostly as kernels have it, and where
// and with which flags the latter goes back.
func (g *gen) gates(c *Case) {
	s := &c.state
	s.SFMASK = choose(g.rng, s.SFMASK, s.SFMASK, 0x257fd5, cpu.FlagIF, cpu.FlagAC, 0, g.Uint64())
	if g.one(8) {
		s.STAR ^= choose(g.rng, 3<<32, 3<<48, g.Uint64())
	}
	if g.one(12) {
		s.EFER &^= cpu.EFERSCE
	}
	if g.own != 0 && g.one(2) {
		s.LSTAR = g.own
		s.CR4 |= g.Uint64N(2) * cpu.CR4SMAP
	}
	if g.one(8) {
		s.CR4 |= cpu.CR4TSD
	}
	if g.one(16) {
		s.LSTAR ^= choose[uint64](g.rng, 1<<47, 1<<63, 1<<30)
	}
	if g.one(3) {
		return
	}
	for i := range 16 {
		at := c.ram[flips+16*i:]
		if g.one(10) {
			binary.LittleEndian.PutUint64(at, choose[uint64](g.rng, 1<<47, 1<<63, high, high))
		}
		if g.one(4) {
			binary.LittleEndian.PutUint64(at[8:], choose(g.rng, cpu.FlagTF, cpu.FlagIF, cpu.FlagDF, cpu.FlagAC, cpu.FlagNT,
				cpu.FlagRF, cpu.FlagIOPL, cpu.FlagID, 2, 1<<40, g.Uint64()&cpu.FlagsArith, g.Uint64()&cpu.FlagsArith, g.Uint64()))
		}
	}
}

// next writes for each byte of the code how far it is to the next instruction.
func (c *Case) next() {
	b := c.ram[physCode:][:codePages*pageBytes]
	table := c.ram[nextAt:][:nextBytes]
	for at := int(c.start - codeAt); at < int(c.start-codeAt)+c.code; {
		n := 1
		if in, err := x86.Decode(b[at:], c.mode); err == nil {
			n = int(in.Len)
		}
		for i := range n {
			table[at+i] = byte(n - i)
		}
		at += n
	}
}

// twin writes the first two pages of code once more, with some other constants.
func (c *Case) twin() {
	b := c.ram[twinAt:][:2*pageBytes]
	copy(b, c.ram[physCode:])
	for _, at := range c.instructions() {
		at -= physCode
		in, err := x86.Decode(c.ram[physCode+at:], c.mode)
		if end := at + int(in.Len); err == nil && in.Sem == x86.SemMov && in.Opcode&0xf8 == 0xb8 && in.OpSize == 4 && end <= len(b) {
			b[end-4] ^= 8
		}
	}
}
