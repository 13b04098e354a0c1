//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Values of arena.Crossed.
const (
	bySyscall = 1 + iota
	bySysret
	byIret
)

// openGates lets SYSCALL and SYSRET change rings without the reference where
// that is no change of mode else, and tells SYSCALL what to do.
func (a *arena) openGates(s *cpu.State) {
	a.LSTAR, a.Kept, a.Gates = s.LSTAR, ^(s.SFMASK | cpu.FlagRF), 0
	if s.EFER&cpu.EFERSCE != 0 && s.CR4&cpu.CR4TSD == 0 {
		a.Gates = 1
	}
}

// land puts into State what changes of rings left out: segments depend on the
// last one alone.
func (a *arena) land(s *cpu.State) {
	switch a.Crossed {
	case bySyscall:
		s.SyscallSegments(true)
	case bySysret:
		s.SysretSegments(true)
	default:
		s.FlatSegments(uint16(a.CS), uint16(a.SS))
	}
	a.Crossed = 0
}

// rings emits SYSCALL, SYSRET and IRET, which end the block. All leave where
// RFLAGS would have AC, whose meaning depends on the ring.
func (e *emitter) rings() {
	switch e.in.Sem {
	case x86.SemIret:
		e.iret()
	case x86.SemSysret:
		e.sysret()
	default:
		e.syscall()
	}
}

// gate jumps where a change of rings is the reference's business.
func (e *emitter) gate() hole {
	e.ins(op64(0x83), 7, state(oGates))
	e.b(0)
	return e.jcc(ccE)
}

func (e *emitter) syscall() {
	e.overwrites(plans[e.in.Sem].also, false)
	e.save()
	e.count()
	shut := e.gate()
	e.rflags()
	e.move(r14, r13)
	e.ins(op64(0x23), r14, state(oKept)) // AND
	e.ins(op32(0xf7), 0, reg(r14))       // TEST
	e.imm(cpu.FlagAC, 4)
	e.unless(shut, e.jcc(ccNE))
	e.move(r11, r13)
	e.set(rcx, e.next)
	e.move(r13, r14)
	e.ins(op64(0x81), 4, reg(r13))
	e.imm(^cpu.FlagsArith, 4)
	e.ins(op64(0x83), 1, reg(r13)) // OR
	e.b(2)
	e.store(r13, state(oSystem))
	e.setArith(r14)
	e.load(r13, state(oClosed))
	e.store(r13, state(oBank))
	e.cross(bySyscall, 5) // SUB
	e.load(r13, state(oLSTAR))
	e.store(r13, state(oTarget))
	e.outBy(e.lookup(e.c.Other, 0, func() {}))
}

// sysret takes the arithmetic flags and IF from R11; where that has more of
// them, the reference does it.
func (e *emitter) sysret() {
	e.free()
	e.count()
	shut := e.gate()
	e.move(r13, r11)
	e.ins(op64(0x81), 4, reg(r13))
	e.imm(^(cpu.FlagsArith | cpu.FlagIF | 2), 4)
	e.unless(shut, e.jcc(ccNE), e.pending())
	e.move(r13, r11)
	e.ins(op32(0x81), 4, reg(r13))
	e.imm(cpu.FlagIF, 4)
	e.ins(op64(0x83), 1, reg(r13))
	e.b(2)
	e.store(r13, state(oSystem))
	e.move(r13, r11)
	e.setArith(r13)
	e.userBank()
	e.cross(bySysret, 0) // ADD
	e.move(r13, rcx)
	e.store(r13, state(oTarget))
	e.outBy(e.lookup(e.c.Other, 0, func() {}))
}

// cross notes a change of rings: op adds to or subtracts from Pages.
func (e *emitter) cross(how int64, op int) {
	e.ins(op64(0x81), op, state(oPages))
	e.imm(ringExec, 4)
	e.ins(op64(0xc7), 0, state(oStackEnd))
	e.imm(0, 4)
	e.crossed(how)
}

func (e *emitter) crossed(how int64) {
	e.ins(op64(0xc7), 0, state(oCrossed))
	e.imm(how, 4)
}

// userBank chooses ring 3's translations.
func (e *emitter) userBank() {
	e.load(r13, state(oOpen))
	e.ins(op64(0x81), 0, reg(r13)) // ADD
	e.imm(userTLB, 4)
	e.store(r13, state(oBank))
}
