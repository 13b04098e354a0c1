//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// system emits the system instructions that kernels are full of. What would
// let an interrupt in while one waits is left to the reference.
func (e *emitter) system() {
	in := e.in
	e.overwrites(plans[in.Sem].also, false)
	switch in.Sem {
	case x86.SemSwapgs:
		e.load(r13, state(oGS))
		e.load(r14, state(oKernelGS))
		e.store(r14, state(oGS))
		e.store(r13, state(oKernelGS))
	case x86.SemCli:
		e.change(cpu.FlagIF, false)
	case x86.SemCld:
		e.change(cpu.FlagDF, false)
	case x86.SemStd:
		e.change(cpu.FlagDF, true)
	case x86.SemSti:
		e.free()
		e.count()
		e.unless(e.pending())
		e.load(r13, state(oSystem))
		e.store(r13, state(oBefore))
		e.change(cpu.FlagIF, true)
	case x86.SemStac, x86.SemClac:
		bank := oOpen
		if in.Sem == x86.SemClac {
			bank = oClosed
		}
		e.change(cpu.FlagAC, in.Sem == x86.SemStac)
		e.load(r13, state(bank))
		e.store(r13, state(oBank))
		e.ins(op64(0xc7), 0, state(oStackEnd))
		e.imm(0, 4)
	case x86.SemPushf:
		e.pushf()
	case x86.SemPopf:
		e.popf()
	default:
		e.rdtsc()
	}
}

// change sets or clears a flag that is not an arithmetic one.
func (e *emitter) change(flag int64, set bool) {
	e.free()
	e.count()
	if set {
		e.ins(op64(0x81), 1, state(oSystem)) // OR
		e.imm(flag, 4)
		return
	}
	e.ins(op64(0x81), 4, state(oSystem)) // AND
	e.imm(^flag, 4)
}

// pending jumps if an interrupt waits.
func (e *emitter) pending() hole {
	e.ins(op64(0x83), 7, state(oPending))
	e.b(0)
	return e.jcc(ccNE)
}

// rdtsc: the counter is at the steps done before the instruction. The budget
// is that after the block.
func (e *emitter) rdtsc() {
	e.free()
	e.count()
	e.load(rdx, state(oTSC))
	e.ins(op64(0x2b), rdx, state(oBudget))
	e.ins(op64(0x81), 5, reg(rdx)) // SUB
	e.imm(int64(len(e.c.Insts)-e.k), 4)
	e.flutter()
	e.ins(op64(0x03), rdx, state(oOffset))
	e.ins(op32(0x8b), rax, reg(rdx))
	e.ins(op64(0xc1), 5, reg(rdx)) // SHR
	e.b(32)
	if e.in.Sem == x86.SemRdtscp {
		e.load(rcx, state(oAux))
	}
}

// flutter makes the true count in RDX what is read: see cpu.Flutter.
func (e *emitter) flutter() {
	const most = 1<<cpu.FlutterBlock - 1
	e.move(rax, rdx)
	e.ins(op64(0xc1), 5, reg(rax)) // SHR
	e.b(cpu.FlutterBlock)
	e.set(r13, cpu.FlutterMix)
	e.ins(code{mp: 1, op: 0xaf, wide: true}, rax, reg(r13)) // IMUL
	e.ins(op64(0xc1), 5, reg(rax))
	e.b(64 - cpu.FlutterBits)
	e.ins(op32(0x8b), r13, reg(rdx))
	e.ins(op32(0x83), 4, reg(r13)) // AND
	e.b(most)
	e.ins(op32(0x03), rax, reg(r13))
	e.set(r13, most)
	e.ins(op32(0x3b), rax, reg(r13))
	e.ins(code{mp: 1, op: 0x47}, rax, reg(r13)) // CMOVA
	e.ins(op64(0x83), 4, reg(rdx))
	e.b(0x100 - 1<<cpu.FlutterBlock) // all but these bits
	e.ins(op64(0x0b), rdx, reg(rax))
}

func (e *emitter) pushf() {
	e.save()
	e.count()
	e.rflags()
	e.store(r13, state(oTarget))
	e.pushFrom(state(oTarget))
}

// rflags puts RFLAGS into R13, by R14. Flags are in memory.
func (e *emitter) rflags() {
	e.ins(code{mp: 1, op: 0xb6}, r13, state(oFlags+1)) // MOVZX: as LAHF left it
	e.ins(op32(0x81), 4, reg(r13))
	e.imm(0xd5, 4)
	e.ins(code{mp: 1, op: 0xb6}, r14, state(oFlags)) // OF
	e.ins(op32(0xc1), 4, reg(r14))                   // SHL
	e.b(11)
	e.ins(op64(0x0b), r13, reg(r14))
	e.ins(op64(0x0b), r13, state(oSystem))
}

// setArith takes the arithmetic flags from a register, which it destroys.
func (e *emitter) setArith(r int) {
	e.ins(code{op: 0x88}, r, state(oFlags+1))
	e.ins(op32(0xc1), 5, reg(r)) // SHR
	e.b(11)
	e.ins(op32(0x81), 4, reg(r))
	e.imm(1, 4)
	e.ins(code{op: 0x88}, r, state(oFlags))
	e.flags, e.recipe.ok = inMemory, false
}

// popf changes the arithmetic flags, and in ring 0 IF; all else is left to the
// reference.
func (e *emitter) popf() {
	e.ins(e.ptr(0x8b), r13, e.top())
	e.move(r14, r13)
	e.ins(op64(0x81), 4, reg(r14))
	e.imm(^cpu.FlagsArith, 4)
	e.ins(op64(0x33), r14, state(oSystem))
	if e.c.User {
		e.unless(e.jcc(ccNE))
	} else {
		e.ins(op64(0x81), 4, reg(r14))
		e.imm(^cpu.FlagIF, 4)
		e.unless(e.jcc(ccNE), e.pending())
		e.move(r14, r13)
		e.ins(op64(0x81), 4, reg(r14))
		e.imm(^cpu.FlagsArith, 4)
		e.store(r14, state(oSystem))
	}
	e.setArith(r13)
	e.drop(0)
}
