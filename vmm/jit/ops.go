//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A way is how an instruction is translated.
type way uint8

const (
	leave  way = iota // not: the reference carries it out
	again             // emitted again, with the host's registers and a translated operand
	branch            // link.go
	stack             // PUSH, POP, LEAVE
	lea
	nothing // NOP and its kin
	divide
	scan   // BSF, BSR
	system // system.go
	rings  // rings.go, iret.go
)

// An effect is what an instruction does with an operand.
type effect uint8

const (
	reads effect = 1 << iota
	writes
)

// A plan is how the instructions of one semantic are translated: dst and src
// are the effects on the first two operands, also the guest registers that it
// changes without naming them.
type plan struct {
	way      way
	dst, src effect
	also     uint16
}

const change = reads | writes

// plans is the plan of each semantic.
var plans = func() (t [x86.NumSem]plan) {
	set := func(p plan, list ...x86.Sem) {
		for _, s := range list {
			t[s] = p
		}
	}
	set(plan{again, change, reads, 0}, x86.SemAdd, x86.SemOr, x86.SemAdc, x86.SemSbb, x86.SemAnd, x86.SemSub, x86.SemXor,
		x86.SemShl, x86.SemShr, x86.SemSar, x86.SemRol, x86.SemRor, x86.SemRcl, x86.SemRcr, x86.SemShld, x86.SemShrd,
		x86.SemBts, x86.SemBtr, x86.SemBtc, x86.SemImul2, x86.SemCmovcc, x86.SemNot, x86.SemNeg, x86.SemInc, x86.SemDec,
		x86.SemBswap, x86.SemCrc32, x86.SemAdcx, x86.SemAdox)
	set(plan{again, reads, reads, 0}, x86.SemCmp, x86.SemTest, x86.SemBt)
	set(plan{again, writes, reads, 0}, x86.SemMov, x86.SemMovzx, x86.SemMovsx, x86.SemImul3, x86.SemPopcnt, x86.SemMovbe, x86.SemSetcc)
	set(plan{again, change, change, 0}, x86.SemXchg, x86.SemXadd)
	set(plan{again, change, reads, 1 << rax}, x86.SemCmpxchg)
	set(plan{again, reads, reads, 1<<rax | 1<<rdx}, x86.SemMul, x86.SemImul1)
	set(plan{again, 0, 0, 1 << rax}, x86.SemCbw, x86.SemLahf)
	set(plan{again, 0, 0, 1 << rdx}, x86.SemCwd)
	set(plan{again, 0, 0, 0}, x86.SemClc, x86.SemStc, x86.SemCmc, x86.SemSahf)
	set(plan{divide, reads, 0, 1<<rax | 1<<rdx}, x86.SemDiv, x86.SemIdiv)
	set(plan{scan, change, reads, 0}, x86.SemBsf, x86.SemBsr)
	set(plan{branch, 0, 0, 0}, x86.SemJmp, x86.SemJcc, x86.SemCall, x86.SemRet)
	set(plan{stack, 0, 0, 1 << rsp}, x86.SemPush, x86.SemPop)
	set(plan{stack, 0, 0, 1<<rsp | 1<<rbp}, x86.SemLeave)
	set(plan{lea, writes, 0, 0}, x86.SemLea)
	for s, v := range vectors {
		if v {
			t[s] = plan{again, writes, reads, 0}
		}
	}
	set(plan{again, change, 0, 1<<rax | 1<<rdx}, x86.SemCmpxchg8b, x86.SemCmpxchg16b)
	set(plan{way: nothing}, x86.SemNop, x86.SemPause, x86.SemFence)
	set(plan{way: system}, x86.SemCld, x86.SemStd, x86.SemCli, x86.SemSti, x86.SemSwapgs, x86.SemStac, x86.SemClac)
	set(plan{system, 0, 0, 1 << rsp}, x86.SemPushf, x86.SemPopf)
	set(plan{rings, 0, 0, 1<<rcx | 1<<r11}, x86.SemSyscall)
	set(plan{way: rings}, x86.SemSysret, x86.SemIret)
	set(plan{system, 0, 0, 1<<rax | 1<<rdx}, x86.SemRdtsc)
	set(plan{system, 0, 0, 1<<rax | 1<<rdx | 1<<rcx}, x86.SemRdtscp)
	return t
}()

// native tells whether in is translated rather than left to the reference.
func (e *emitter) native(in *x86.Inst) bool {
	f := x86.Table[in.Row]
	p := plans[in.Sem]
	if in.OpSize == 2 && p.way != again && p.way != nothing || !e.host.have[f.Feature] {
		return false
	}
	word := int(in.OpSize) == e.word()
	for i, a := range in.Args[:in.NArgs] {
		switch a.Kind {
		case x86.Reg, x86.Imm, x86.Rel, x86.XMM:
		case x86.RegHi:
			if !lowOnly(in) {
				return false
			}
		case x86.Mem:
			if p.way != nothing && !e.reachable(in) || p.way != lea && p.way != nothing && (a.Size == 0 || f.Ops[i].Loc != x86.LocRM) {
				return false
			}
		default:
			return false
		}
	}
	if u := e.unsure(in); u != 0 && !e.dead(in, u) {
		return false
	}
	if usesVector(in) {
		return vectors[in.Sem]
	}
	if f.Attr&(x86.AttrX87|x86.AttrMmx|x86.AttrSse) != 0 && p.way != nothing {
		return false
	}
	if m := f.Enc.Prefix; in.OpSize == 2 && (m == 4 || m == 8) || in.Sem == x86.SemCrc32 && in.Args[1].Size == 2 {
		return false // two prefixes
	}
	switch in.Sem {
	case x86.SemBt, x86.SemBts, x86.SemBtr, x86.SemBtc:
		return !isBitString(in) || in.OpSize >= 4 && int(in.AddrSize) == e.word()
	case x86.SemBswap:
		return in.OpSize >= 4
	case x86.SemShld, x86.SemShrd:
		return in.OpSize >= 4 // 16 bits by more than 16: undefined
	case x86.SemDiv, x86.SemIdiv:
		return in.OpSize >= 4 && in.Args[0].Kind != x86.RegHi
	case x86.SemCli, x86.SemSti, x86.SemSwapgs, x86.SemStac, x86.SemClac:
		return !e.c.User
	case x86.SemSyscall:
		return e.c.User && !e.c.Narrow
	case x86.SemSysret, x86.SemIret:
		return !e.c.User && in.OpSize == 8
	case x86.SemPushf, x86.SemPopf, x86.SemPush, x86.SemRet, x86.SemLeave:
		return word
	case x86.SemRdtsc, x86.SemRdtscp:
		return !e.c.NoTSC
	case x86.SemPop:
		return word && in.Args[0].Kind == x86.Reg
	case x86.SemJmp, x86.SemJcc, x86.SemCall: // these end the block, and raise #GP if they lead nowhere
		return word && (e.c.Narrow || in.Args[0].Kind != x86.Rel || cpu.Canonical(e.c.At(len(e.c.Insts))+uint64(in.Imm)))
	case x86.SemLahf, x86.SemSahf:
		return true
	}
	return p.way != leave
}

// logic are the semantics whose one undefined flag, AF, every processor clears.
func logic(s x86.Sem) bool {
	return s == x86.SemAnd || s == x86.SemOr || s == x86.SemXor || s == x86.SemTest
}

// reachable tells that there is a way to in's memory operand.
func (e *emitter) reachable(in *x86.Inst) bool {
	return in.AddrSize != 2 && !(e.c.Narrow && in.Mem.Seg == x86.CS)
}

// lowOnly tells that AH to BH can be had: no other operand takes a REX prefix,
// or that is memory, for which they are exchanged with AL to BL.
func lowOnly(in *x86.Inst) bool {
	if hasMemory(in) {
		return in.Sem != x86.SemCmpxchg // with AL
	}
	for _, a := range in.Args[:in.NArgs] {
		if a.Kind == x86.Reg && (a.Reg == rsp || a.Reg > rdi || a.Reg > rbx && a.Size == 1 || a.Size == 8) {
			return false
		}
	}
	return true
}

func hasMemory(in *x86.Inst) bool {
	switch in.Sem {
	case x86.SemLea, x86.SemNop:
		return false
	case x86.SemPush, x86.SemPop, x86.SemCall, x86.SemRet, x86.SemLeave, x86.SemPushf, x86.SemPopf:
		return true
	}
	for _, a := range in.Args[:in.NArgs] {
		if a.Kind == x86.Mem {
			return true
		}
	}
	return false
}

// usesVector tells that in has an XMM operand.
func usesVector(in *x86.Inst) bool {
	for _, a := range in.Args[:in.NArgs] {
		if a.Kind == x86.XMM {
			return true
		}
	}
	return false
}

// translate emits the current instruction.
func (e *emitter) translate() {
	p := plans[e.in.Sem]
	switch p.way {
	case branch:
		e.branch()
	case stack:
		e.stack()
	case lea:
		e.leaTo()
	case nothing:
	case divide:
		e.divide()
	case scan:
		e.scan()
	case system:
		e.system()
	case rings:
		e.rings()
	default:
		if isBitString(e.in) {
			e.bitString()
			return
		}
		e.again(p)
	}
}

// changed is the set of guest registers that the instruction writes.
func (e *emitter) changed(p plan) uint16 {
	regs := p.also
	for i, f := range [2]effect{p.dst, p.src} {
		if a := e.in.Args[i]; i < int(e.in.NArgs) && f&writes != 0 && (a.Kind == x86.Reg || a.Kind == x86.RegHi) {
			regs |= 1 << (a.Reg & 15)
		}
	}
	return regs
}

// leaTo emits LEA. Its segment does not count.
func (e *emitter) leaTo() {
	d := e.in.Args[0]
	e.overwrites(1<<d.Reg, false)
	h, ok := mapped(int(d.Reg))
	if !ok {
		h = r13
	}
	e.address(h, min(d.Size, e.in.AddrSize))
	if !ok {
		e.store(h, home(int(d.Reg)))
	}
}

func (e *emitter) stack() {
	in := e.in
	switch in.Sem {
	case x86.SemPush:
		if in.Args[0].Kind == x86.Imm {
			e.push(uint64(in.Imm))
			return
		}
		from := home(int(in.Args[0].Reg))
		if in.Args[0].Kind == x86.Mem {
			from = state(oTarget)
			e.ins(e.ptr(0x8b), r13, e.memory(0, false))
			e.store(r13, from)
		} else if h, ok := mapped(int(in.Args[0].Reg)); ok {
			from = reg(h)
		}
		e.pushFrom(from)
	case x86.SemPop:
		g := int(in.Args[0].Reg)
		e.overwrites(1<<rsp|1<<g, false)
		e.free()
		e.count()
		o := e.top()
		if h, ok := mapped(g); ok {
			e.ins(e.ptr(0x8b), h, o)
		} else {
			e.load(r13, o)
			e.store(r13, home(g))
		}
		if g != rsp {
			e.drop(0)
		}
	default: // LEAVE
		e.overwrites(1<<rsp|1<<rbp, false)
		e.free()
		e.count()
		e.ins(e.ptr(0x8b), r13, reg(rbp))
		o := e.access(e.word(), false, false)
		e.ins(e.ptr(0x8d), r15, at(rbp, int64(e.word())))
		e.ins(e.ptr(0x8b), rbp, o)
	}
}

// divide emits DIV and IDIV where the quotient is sure to fit; else the
// reference carries it out, and raises #DE if need be.
func (e *emitter) divide() {
	in := e.in
	p := plans[in.Sem]
	e.overwrites(p.also, false)
	wide := in.OpSize == 8
	var o operand
	if in.Args[0].Kind == x86.Mem {
		o = e.memory(0, false)
		e.ins(code{op: 0x8b, wide: wide}, r14, o)
		o = reg(r14)
	} else {
		e.save()
		e.count()
		o = reg(e.value(int(in.Args[0].Reg), r14))
	}
	var odd [2]hole
	if in.Sem == x86.SemDiv {
		e.ins(code{op: 0x3b, wide: wide}, rdx, o) // CMP: below, or it overflows
		odd[0] = e.jcc(ccB ^ 1)
	} else { // the dividend is a sign-extended rAX, and the divisor is above 0
		e.ins(code{op: 0x8b, wide: wide}, r13, reg(rax))
		e.ins(code{op: 0xc1, wide: wide}, 7, reg(r13)) // SAR
		e.b(in.OpSize*8 - 1)
		e.ins(code{op: 0x3b, wide: wide}, r13, reg(rdx))
		odd[0] = e.jcc(ccNE)
		e.ins(code{op: 0x85, wide: wide}, o.base, o)
		odd[1] = e.jcc(ccLE)
	}
	e.unless(odd[:]...)
	e.bring()
	ext := 6
	if in.Sem == x86.SemIdiv {
		ext = 7
	}
	e.ins(code{op: 0xf7, wide: wide}, ext, o)
	e.poison(e.unsure(in))
	e.recipe.ok = false
}

// scan emits BSF and BSR of what is not 0.
func (e *emitter) scan() {
	in := e.in
	wide := in.OpSize == 8
	e.overwrites(1<<in.Args[0].Reg, false)
	var o operand
	if in.Args[1].Kind == x86.Mem {
		o = e.memory(1, false)
		e.ins(code{op: 0x8b, wide: wide}, r14, o)
		o = reg(r14)
	} else {
		e.save()
		e.count()
		o = reg(e.value(int(in.Args[1].Reg), r14))
	}
	e.ins(code{op: 0x85, wide: wide}, o.base, o)
	zero := e.jcc(ccE)
	e.unless(zero)
	h, ok := mapped(int(in.Args[0].Reg))
	if !ok {
		h = r13
	}
	op := byte(0xbc)
	if in.Sem == x86.SemBsr {
		op = 0xbd
	}
	e.ins(code{op: op, wide: wide, mp: 1}, h, o)
	if !ok {
		e.store(h, home(int(in.Args[0].Reg)))
	}
	e.poison(e.unsure(in))
	e.flags, e.recipe.ok = inHost, false
}
