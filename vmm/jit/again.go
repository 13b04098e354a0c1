//go:build linux && amd64

package jit

import "vmrecord/vmm/x86"

// again emits an instruction as it is: the same opcode, with the host's
// registers and a translated memory operand.
func (e *emitter) again(p plan) {
	in := e.in
	f := x86.Table[in.Row]
	read, write, whole := flagUse(in)
	inRegs := !hasMemory(in)
	regs := e.changed(p)
	dies := write && !whole && !read && inRegs && !usesVector(in) && e.dead(in, arith)
	switch {
	case dies: // INC before CMP: neither the flags before it nor those that it leaves are looked at
		e.overwrites(regs, true)
	case whole && !read && inRegs && !usesVector(in) && !(e.owed && e.unsure(in) != 0): // such flags never leave
		e.overwrites(regs, true)
		if e.owed {
			e.countEarly(func() {
				e.in = in
				e.emit(p, f, operand{})
			})
		}
	case usesVector(in) && inRegs:
		e.overwrites(regs, false)
		if e.owed {
			e.free()
			e.count()
		}
	default:
		e.overwrites(regs, false)
	}
	var o operand
	if !inRegs {
		e.prepare(read || write && !whole)
		for i, a := range in.Args[:in.NArgs] {
			if a.Kind == x86.Mem {
				effect := p.src
				if i == 0 {
					effect = p.dst
				}
				o = e.memory(i, effect&writes != 0)
			}
		}
	}
	if read || write && !whole && !dies {
		e.bring()
	}
	e.emit(p, f, o)
	if write {
		e.flags, e.recipe = inHost, recipeOf(in)
	}
}

// prepare makes sure that flags needed after an access can be had without the
// scratch registers.
func (e *emitter) prepare(needed bool) {
	if needed && e.recipe.ok && !e.recipe.plain() {
		e.save()
	}
}

// emit is the instruction proper; o is its memory operand, if it has one.
func (e *emitter) emit(p plan, f x86.Form, o operand) {
	in := e.in
	c := code{pfx: prefix(in, f), mp: f.Enc.Map, op: in.Opcode,
		wide: f.Enc.W == 2 || in.OpSize == 8 && f.Enc.W&2 != 0 && sizedByW(f)}
	ext := int(in.ModRM >> 3 & 7)
	r, rm := ext, o
	var back [2]struct{ h, g int } // registers to be put home, and whose they are
	n := 0
	scratch := [2]int{r13, r14}
	hi := none // of AH to BH, the one that is exchanged with its low byte
	for i, a := range in.Args[:in.NArgs] {
		loc := f.Ops[i].Loc
		if loc != x86.LocReg && loc != x86.LocRM && loc != x86.LocOpcode {
			continue
		}
		h := int(a.Reg)
		switch a.Kind {
		case x86.Mem:
			continue
		case x86.RegHi:
			if hasMemory(in) {
				hi = h
			} else {
				h += 4
			}
		case x86.Reg:
			var ok bool
			if h, ok = mapped(int(a.Reg)); !ok {
				if hasMemory(in) { // one scratch register holds the address
					e.lea(r13, o)
					rm = at(r13, 0)
					h = r14
				} else if n == 1 && in.Args[0].Kind == x86.Reg && in.Args[0].Reg == a.Reg {
					h = r13 // one register twice, as XADD's sum must find it
				} else {
					h = scratch[n]
				}
				effect := p.src
				if i == 0 {
					effect = p.dst
				}
				if i > 1 {
					effect = reads
				}
				if effect&reads != 0 || a.Size < 4 {
					e.load(h, home(int(a.Reg)))
				}
				if effect&writes != 0 {
					back[n].h, back[n].g = h, int(a.Reg)
					n++
				} else {
					back[n].h = none
					n++
				}
			}
			c.rex = c.rex || a.Size == 1 && h >= 4
		}
		switch loc {
		case x86.LocReg:
			r = h
		case x86.LocRM:
			rm = reg(h)
		default:
			c.op = c.op&^7 | byte(h&7)
			rm, r = reg(h), none
		}
	}
	e.exchange(hi)
	e.encode(c, f, r, rm)
	e.imms(in, f)
	e.exchange(hi)
	for _, b := range back[:n] {
		if b.h != none {
			e.store(b.h, home(b.g))
		}
	}
	e.poison(e.unsure(in))
}

// exchange swaps the two low bytes of a register, if there is one.
func (e *emitter) exchange(h int) {
	if h != none {
		e.ins(code{op: 0x86}, h+4, reg(h)) // XCHG
	}
}

// encode appends all but the immediates. r is none where the opcode holds the
// register.
func (e *emitter) encode(c code, f x86.Form, r int, rm operand) {
	if f.Enc.ModRM {
		e.ins(c, r, rm)
		return
	}
	if c.pfx != 0 {
		e.b(c.pfx)
	}
	rex := byte(0)
	if c.wide {
		rex = 8
	}
	if r == none {
		rex |= high(rm.base)
	}
	if rex != 0 || c.rex {
		e.b(0x40 | rex)
	}
	e.escape(c.mp)
	e.b(c.op)
}

// prefix is the mandatory prefix, or 66 for an operand size of 16 bits.
func prefix(in *x86.Inst, f x86.Form) byte {
	switch f.Enc.Prefix {
	case 2:
		return 0x66
	case 4:
		return 0xf3
	case 8:
		return 0xf2
	}
	if in.OpSize == 2 && !usesVector(in) {
		return 0x66
	}
	return 0
}

// sizedByW tells that REX.W decides on the operand size.
func sizedByW(f x86.Form) bool {
	switch f.Size {
	case x86.WidthV, x86.WidthZ, x86.WidthY, x86.WidthN:
		return true
	}
	return false
}

// imms appends the immediates as they were.
func (e *emitter) imms(in *x86.Inst, f x86.Form) {
	for _, k := range f.Enc.Imm {
		switch k {
		case x86.ImmIB, x86.ImmUB:
			e.imm(in.Imm, 1)
		case x86.ImmUW:
			e.imm(in.Imm, 2)
		case x86.ImmIZ:
			e.imm(in.Imm, min(int(in.OpSize), 4))
		case x86.ImmIV:
			e.imm(in.Imm, int(in.OpSize))
		}
	}
}
