//go:build linux && amd64

package jit

import "vmrecord/vmm/cpu"

// The frame of IRETQ: what is at which distance from RSP.
const (
	frameRIP   = 8 * iota
	frameCS    // zeros above the selector, or it is left
	frameFlags // read first
	frameRSP
	frameSS
	frameEnd
)

// iretFlags are those that IRET may pop here. RF holds for the next step, which
// no exit comes before but those at which the reference goes on at once.
const iretFlags = cpu.FlagsArith | cpu.FlagIF | 2 | cpu.FlagRF

// openReturns lets IRET return without the reference. One that unblocks NMIs, or
// has to null data segments, is the reference's business.
func (a *arena) openReturns(s *cpu.State, r cpu.Run) {
	a.Returns = [2]uint64{}
	a.Barred = ^uint64(iretFlags)
	if r.Stops {
		a.Barred |= cpu.FlagRF
	}
	a.GDT, a.GDTEnd = s.GDTR.Base, uint64(s.GDTR.Limit)-7
	if s.NMIBlock || s.GDTR.Limit < 7 {
		return
	}
	a.Returns[0] = 1
	if s.CR4&cpu.CR4TSD == 0 && s.Keeps(3) {
		a.Returns[1] = 1
	}
}

// iret emits IRETQ in ring 0. Before anything changes it looks whether all is as
// usual, in the order of the reference, which else begins anew.
func (e *emitter) iret() {
	e.free()
	e.count()
	e.ins(op32(0xf7), 0, state(oSystem)) // TEST
	e.imm(cpu.FlagNT|cpu.FlagAC, 4)
	nested := e.jcc(ccNE)
	e.unless(nested, e.pending())
	e.ins(op64(0x83), 7, state(oBudget)) // CMP: enough for the next step
	e.imm(cpu.MaxCode, 1)
	e.unless(e.jcc(ccL))
	e.frame()
	e.load(r14, at(r13, frameFlags))
	e.ins(op64(0x23), r14, state(oBarred)) // AND
	e.unless(e.jcc(ccNE))
	e.ins(code{op: 0xf6}, 0, at(r13, frameCS)) // TEST
	e.b(3)
	inner := e.jcc(ccE)
	e.iretTo(3)
	e.here(inner)
	e.iretTo(0)
}

// frame leaves the frame's address in R13 and in the arena. The reference reads
// the flags first, so that this is the address of a fault.
func (e *emitter) frame() {
	s := e.spot()
	e.lea(r13, at(r15, frameFlags))
	e.near(frameEnd-frameFlags, false, s)
	e.ins(op64(0x81), 7, reg(r13)) // CMP: it begins in the same page
	e.imm(frameFlags, 4)
	e.unless(e.jcc(ccB))
	e.load(r14, at(r14, 16))
	e.lea(r13, operand{base: r13, index: r14, disp: -frameFlags})
	e.store(r13, state(oFrame))
}

// iretTo is the rest of IRET, to a ring.
func (e *emitter) iretTo(ring int64) {
	e.ins(op64(0x83), 7, state(oReturns+ring/3*8)) // CMP
	e.b(0)
	e.unless(e.jcc(ccE))
	cs, ss := cpu.FlatDescriptors(uint64(ring))
	e.load(r14, at(r13, frameCS))
	e.flat(ring, cs)
	e.load(r13, state(oFrame))
	e.load(r14, at(r13, frameSS))
	null := hole(0)
	if ring == 0 {
		e.ins(op64(0x85), r14, reg(r14)) // TEST
		null = e.jcc(ccE)
	}
	e.flat(ring, ss)
	if ring == 0 {
		e.here(null)
	}
	mode, pages := e.c.Mode, int64(0)
	if ring == 3 {
		mode, pages = e.c.Other, ringExec
	}
	e.load(r13, state(oFrame))
	e.load(r13, at(r13, frameRIP))
	flags, recipe := e.flags, e.recipe
	miss := e.lookup(mode, pages, func() { e.land(ring) })
	e.flags, e.recipe = flags, recipe // where it did not land
	e.unless(miss[:]...)
}

// flat leaves unless the selector in R14 names a descriptor of the GDT for a
// ring that is as wanted.
func (e *emitter) flat(ring int64, want uint64) {
	s := e.spot()
	e.lea(r14, at(r14, -ring))
	e.ins(op32(0xf7), 0, reg(r14)) // TEST
	e.imm(7, 4)
	other := e.jcc(ccNE)
	e.ins(op64(0x85), r14, reg(r14))
	null := e.jcc(ccE)
	e.ins(op64(0x3b), r14, state(oGDTEnd))
	e.unless(other, null, e.jcc(ccA))
	e.move(r13, r14)
	e.ins(op64(0x03), r13, state(oGDT)) // ADD
	e.near(8, false, s)
	e.load(r14, at(r14, 16))
	e.load(r13, sum(r13, r14))
	e.set64(r14, want)
	e.ins(op64(0x3b), r13, reg(r14))
	e.unless(e.jcc(ccNE))
}

// land does what IRET does, but for RIP. R14 is kept.
func (e *emitter) land(ring int64) {
	e.store(r14, state(oTarget))
	e.load(r13, state(oFrame))
	e.load(r14, at(r13, frameCS))
	e.store(r14, state(oCS))
	e.load(r14, at(r13, frameSS))
	e.store(r14, state(oSS))
	e.load(r15, at(r13, frameRSP))
	e.load(r14, at(r13, frameFlags))
	e.move(r13, r14)
	e.ins(op32(0x81), 4, reg(r13)) // AND
	e.imm(cpu.FlagIF, 4)
	e.ins(op64(0x83), 1, reg(r13)) // OR
	e.b(2)
	e.store(r13, state(oSystem))
	e.setArith(r14)
	if ring == 3 {
		e.userBank()
		e.cross(byIret, 0) // ADD
	} else {
		e.crossed(byIret)
	}
	e.load(r14, state(oTarget))
}
