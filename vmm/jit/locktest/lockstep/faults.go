package lockstep

import (
	"encoding/binary"

	"vmrecord/vmm/x86"
)

// Program is a case of 64-bit code that repeats body forever; registers and data are random.
func Program(seed uint64, body []byte) *Case { return forever(long, 0, seed, body) }

// User is Program in ring 3.
func User(seed uint64, body []byte) *Case { return forever(long, 3, seed, body) }

// Legacy is Program of 32-bit code in legacy mode, at ring 0: what faults is told
// on its own stack.
func Legacy(seed uint64, body []byte) *Case { return forever(legacy, 0, seed, body) }

// Edge is Program of 32-bit code, in long mode or legacy mode, of which the first
// bytes lie at the end of the last page of all, and the others in the first.
func Edge(old bool, first int, body []byte) *Case {
	w := compat
	if old {
		w = legacy
	}
	g := &gen{rng: newRNG(1, 0), base: x86.NoReg, start: codeAt + pageBytes - uint64(first), world: w}
	c := g.repeat(body)
	c.state.RIP = lastPage + pageBytes - uint64(first)
	m := image{c.ram}
	m.put(vars+24, c.state.RIP)
	copy(m.ram[:0x100], m.ram[physCode+pageBytes:])
	return c
}

func forever(w world, ring int, seed uint64, body []byte) *Case {
	g := &gen{rng: newRNG(seed, 0), base: x86.NoReg, start: codeAt + 0xf80, world: w, ring: ring} // across two pages if it is long
	return g.repeat(body)
}

// repeat is a case of body and a jump to its start.
func (g *gen) repeat(body []byte) *Case {
	g.b(body...)
	g.b(0xe9)
	g.d(g.start - g.here() - 4)
	return g.finish(-1)
}

const laps = 64 // addresses in a table of Faults

// Faults is a case in which an instruction of a unit meets, in a hot loop, good
// addresses first and then such that fault, cross pages, lead to devices or to
// code. ok is false for units without memory operands.
func Faults(seed uint64, n int) (c *Case, ok bool) {
	g := &gen{rng: newRNG(seed, uint64(n)|1<<32), theme: unitAt(n), base: x86.NoReg, start: codeAt + 0x40}
	g.ring, g.world = choose(g.rng, 0, 3), g.theme.world(g.rng)
	f := g.theme.form()
	pointer := g.among(x86.RBX, x86.RSI, x86.RDI, x86.R8, x86.R13)
	switch {
	case stackForm(f):
		pointer = x86.RSP
	case f.Sem == x86.SemLeave:
		pointer = x86.RBP
	case f.Attr&(x86.AttrRep|x86.AttrRepc) != 0:
		pointer = uint8(choose(g.rng, x86.RSI, x86.RDI))
	}
	g.counter = g.among(x86.R9, x86.R10, x86.R14, x86.RDX)
	k := g.counter
	g.rex(0x48|k>>3<<2|k>>3, 0x8d, 0x40|k&7<<3|k&7, 1)      // LEA k, [k+1]
	g.rex(0x48|k>>3, 0x83, 0xe0|k&7, laps-1)                // AND k, laps-1
	g.rex(0x48|pointer>>3<<2|k>>3<<1, 0x8b, pointer&7<<3|4) // MOV pointer,
	g.b(0xc5 | k&7<<3)                                      // [k*8+
	g.d(moreAt)                                             // moreAt]
	g.plain(pointer)
	at := len(g.buf)
	if !g.themed(pointer) {
		return nil, false
	}
	next := g.here()
	g.plain(pointer)
	g.b(0xe9)
	g.d(g.start - g.here() - 4)
	c = g.finish(n)
	if in, err := x86.Decode(g.buf[at:], g.mode()); err != nil || !usesMemory(&in) && !stackForm(f) && f.Sem != x86.SemLeave {
		return nil, false
	}
	if branches(f.Sem) {
		for i := physData; i < twinAt; i += 8 { // wherever it leads, it leads on
			to := next
			if g.narrow() {
				to |= to << 32
			}
			binary.LittleEndian.PutUint64(c.ram[i:], to)
		}
	}
	g.addresses(c.ram[physData+5*pageBytes:], f)
	c.tick[2] = 0
	c.steps = 5000
	return c, true
}

// stackForm tells which forms access the stack alone.
func stackForm(f *x86.Form) bool {
	switch f.Sem {
	case x86.SemPush, x86.SemPop, x86.SemCall, x86.SemRet, x86.SemPushf, x86.SemPopf, x86.SemEnter:
		return true
	}
	return false
}

// plain appends instructions between registers, or none.
func (g *gen) plain(pointer uint8) {
	u := g.units()
	for n := g.IntN(3); n > 0; n-- {
		list := u[choose(g.rng, 0, 0, 1)]
		f := list[g.IntN(len(list))].form()
		if branches(f.Sem) || stackForm(f) || f.Sem == x86.SemLeave {
			continue
		}
		w := x86.Want{Rand: g.IntN, Mode: g.mode(), Avoid: 1<<x86.RSP | 1<<g.counter | 1<<pointer, Base: x86.RSP, Index: x86.NoReg}
		if code, ok := f.Encode(w); ok {
			if in, err := x86.Decode(code, g.mode()); err == nil && !usesMemory(&in) {
				g.buf = append(g.buf, code...)
			}
		}
	}
}

// themed appends the instruction that the case is about.
func (g *gen) themed(pointer uint8) bool {
	f := g.theme.form()
	w := x86.Want{Mode: g.mode(), OpSize: g.theme.size, Mem: true, Rand: g.IntN, Avoid: 1<<g.counter | 1<<pointer, Base: pointer, Index: x86.NoReg}
	if f.Attr&(x86.AttrRep|x86.AttrRepc) != 0 {
		g.load(x86.RCX, uint64(g.IntN(12)), true)
		if pointer == x86.RSI {
			g.load(x86.RDI, dataAt+0x800, true)
		} else {
			g.load(x86.RSI, dataAt+0x800, true)
		}
	}
	if stackForm(f) && g.one(2) {
		w.Mem = false
	} else if stackForm(f) {
		w.Base, w.Disp = x86.RBP, 0 // RBP is anything: its faults come first
		g.load(x86.RBP, dataAt+0x100, true)
	}
	code, ok := f.Encode(w)
	if !ok {
		return false
	}
	if f.Attr&(x86.AttrRep|x86.AttrRepc) != 0 && g.one(2) {
		code = append([]byte{choose[byte](g.rng, 0xf2, 0xf3)}, code...)
	}
	g.buf = append(g.buf, code...)
	return true
}

// addresses fills a table of laps addresses.
func (g *gen) addresses(b []byte, f *x86.Form) {
	align := uint64(1)
	if f.Attr&x86.AttrA16 != 0 {
		align = 16
	}
	near := func() uint64 { return g.Uint64N(20) &^ (align - 1) }
	for i := range laps {
		a := dataAt + 0x80 + g.Uint64N(pageBytes-0x100)&^7
		if i > laps/2 {
			a = choose(g.rng, uint64(absent)+0x100, absent, readOnly, readOnly+0x800, kernel, userPage, devices, dataAt+pageBytes,
				stackAt, stackTop, aliasAt+0x3000, aliasAt+2*pageBytes+entries, mappedAt+pageBytes, 1<<47, g.high(), 0, g.high()+dataAt+0x400,
				1<<63, 1<<32) - near()
		}
		if g.one(8) {
			a++
		}
		if align > 1 && !g.one(8) {
			a &^= align - 1
		}
		binary.LittleEndian.PutUint64(b[8*i:], a)
	}
}
